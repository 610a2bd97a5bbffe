// SPDX-License-Identifier: BSL-1.0
// Rows: T-run-04 T-run-10 T-thr-07 T-thr-08
#include "trace.hpp"

#include <latch>

TRACE(thread_shutdown) {
  std::latch go(1);
  const int result = run([&go] {
    event_loop& loop = get_running_loop();
    to_thread([] { say("a thread"); });
    static_cast<void>(loop.run_in_executor([&go, &loop] {
      go.wait();
      std::latch done(1);
      loop.call_soon_threadsafe([&done] { done.count_down(); });  // the loop still runs
      done.wait();
      say("the thread ends");
    }));
    auto leftover = async([&go] {
      try {
        sleep(100s);
      } catch (const cancelled_error&) {
        to_thread([] { say("a thread for the cleanup"); });
        say("left-over task ends");
        go.count_down();
        throw;
      }
    });
    yield();
    say("main ends", leftover.done());
    return 5;
  });
  say("run gives", result);
  run([] {
    event_loop& loop = get_running_loop();
    say("shut down", error_of([&] { loop.shutdown_default_executor(); }));
    say("after it", error_of([] { to_thread([] { say("never"); }); }));
  });
}
