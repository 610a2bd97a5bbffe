// SPDX-License-Identifier: BSL-1.0
// Rows: T-thr-05 T-thr-07
#include "trace.hpp"

#include <latch>

TRACE(thread_cancel) {
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
  run([] {
    event_loop& loop = get_running_loop();
    held_job held;
    auto waits = async([&held] { return to_thread(std::ref(held)); });
    yield();
    held.begun.wait();
    waits.cancel();
    const auto error = error_of([&] { waits.await(); });
    say("awaiter", error, waits.cancelled());
    held.go.count_down();
    loop.shutdown_default_executor();
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
    say("queued", error_of([&] { queued.await(); }));
    yield();
    say("first", first.done());
    other.go.count_down();
    const int value = last.await();
    say("last", value);
    say("first", first.await());
  });
}
