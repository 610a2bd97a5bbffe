// SPDX-License-Identifier: BSL-1.0
// Rows: T-wait-02 T-wait-04 T-wait-07
#include "trace.hpp"

TRACE(wait_cancelled) {
  run([] {
    const auto job = [](const char* name, int seconds) {
      try {
        sleep(std::chrono::seconds(seconds));
      } catch (const cancelled_error&) {
        say(name, "cancelled");
        throw;
      }
      say(name, "done", now());
      return seconds;
    };
    const std::vector<task<int>> tasks = {async(job, "a", 3), async(job, "b", 5)};
    auto waiter = async([tasks] { static_cast<void>(wait(tasks)); });
    sleep(1s);
    waiter.cancel();
    const auto error = error_of([&] { return waiter.await(), 0; });
    say(error, now());
    say(static_cast<int>(tasks[0].done()) + static_cast<int>(tasks[1].done()));
    tasks[1].cancel();
    const auto counts = [](const auto& r) { say(r.done.size(), r.pending.size(), now()); };
    counts(wait(tasks, {.timeout = 1s}));
    counts(wait(tasks, {.timeout = 0s}));
    const auto last = wait(std::vector{tasks[0], tasks[0]});
    say(last.done.size(), last.pending.size(), tasks[0].result(), now());
  });
}
