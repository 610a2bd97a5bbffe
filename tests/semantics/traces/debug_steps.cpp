// SPDX-License-Identifier: BSL-1.0
// Rows: T-dbg-05 T-dbg-06
#include "trace.hpp"

namespace {

void worker(const nakh::future<>& gate) {
  using namespace trace;
  say("worker begins");
  sleep(0s);
  say("worker goes on");
  sleep(1h);
  gate.set_result();
  say("worker ends");
}

void waiter(const nakh::future<>& gate) {
  using namespace trace;
  say("waiter begins");
  await(gate);
  await(gate);
  say("waiter ends");
}

}  // namespace

TRACE(debug_steps) {
  run([] {
    event_loop& loop = get_running_loop();
    loop.set_slow_callback_handler([](event_loop&, const slow_callback& slow) {
      if (slow.source == "worker" || slow.source == "waiter") say("slow step of", slow.source);
    });
    say(std::chrono::duration_cast<std::chrono::milliseconds>(loop.slow_callback_duration()).count());
    loop.set_slow_callback_duration(0s);
    for (const bool debug : {false, true}) {
      loop.set_debug(debug);
      sleep(0s);
      const auto gate = loop.create_future<void>();
      std::vector<task<>> tasks;
      tasks.push_back(async(task_options{.name = "worker"}, worker, gate));
      tasks.push_back(async(task_options{.name = "waiter"}, waiter, gate));
      static_cast<void>(nakh::wait(tasks));
    }
  });
}
