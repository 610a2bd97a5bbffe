// SPDX-License-Identifier: BSL-1.0
#include "stackless_trace.hpp"

#include <vector>

namespace trace::debug_steps {

sl::task<> worker(future<> gate) {
  say("worker begins");
  co_await sl::sleep(0s);
  say("worker goes on");
  co_await sl::sleep(1h);
  gate.set_result();
  say("worker ends");
}

sl::task<> waiter(future<> gate) {
  say("waiter begins");
  co_await gate;
  co_await gate;
  say("waiter ends");
}

sl::task<> program() {
  event_loop& loop = get_running_loop();
  loop.set_slow_callback_handler([](event_loop&, const slow_callback& slow) {
    if (slow.source == "worker" || slow.source == "waiter") say("slow step of", slow.source);
  });
  say(std::chrono::duration_cast<std::chrono::milliseconds>(loop.slow_callback_duration()).count());
  loop.set_slow_callback_duration(0s);
  for (const bool debug : {false, true}) {
    loop.set_debug(debug);
    co_await sl::sleep(0s);
    const auto gate = loop.create_future<void>();
    std::vector<task<>> tasks;
    tasks.push_back(sl::spawn({.name = "worker"}, worker(gate)));
    tasks.push_back(sl::spawn({.name = "waiter"}, waiter(gate)));
    co_await sl::wait(tasks);
  }
}

}  // namespace trace::debug_steps

TRACE(debug_steps) { sl::run(trace::debug_steps::program()); }
