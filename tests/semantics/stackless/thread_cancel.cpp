// SPDX-License-Identifier: BSL-1.0
// Rows: T-thr-05 T-thr-07
#include "stackless_trace.hpp"

#include <functional>
#include <latch>

namespace trace::thread_cancel {

struct held_job {
  std::latch begun{1};
  std::latch go{1};
  int operator()() {
    begun.count_down();
    go.wait();
    say("the thread goes on");
    return 7;
  }
};

sl::task<int> waits_for(held_job& job) { co_return co_await sl::to_thread(std::ref(job)); }

sl::task<> program() {
  event_loop& loop = get_running_loop();
  held_job held;
  const auto waits = sl::spawn(waits_for(held));
  co_await sl::yield();
  held.begun.wait();
  waits.cancel();
  const auto error = co_await thrown_by(waits);
  say("awaiter", error, waits.cancelled());
  held.go.count_down();
  co_await sl::shutdown_default_executor(loop);
  say("it has ended");
  held_job other;
  thread_pool pool(1);
  const auto first = loop.run_in_executor(pool, std::ref(other));
  const auto queued = loop.run_in_executor(pool, [] { say("never"); });
  const auto last = loop.run_in_executor(pool, [] { return 9; });
  other.begun.wait();
  const bool taken = queued.cancel();
  const bool again = queued.cancel();
  say("taken back", taken, again, queued.cancelled());
  const auto of_queued = co_await thrown_by(queued);
  say("queued", of_queued);
  co_await sl::yield();
  say("first", first.done());
  other.go.count_down();
  const int value = co_await last;
  say("last", value);
  const int of_first = co_await first;
  say("first", of_first);
}

}  // namespace trace::thread_cancel

TRACE(thread_cancel) { sl::run(trace::thread_cancel::program()); }
