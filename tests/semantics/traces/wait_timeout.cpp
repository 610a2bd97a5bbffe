// SPDX-License-Identifier: BSL-1.0
// Rows: T-wait-02 T-wait-04
#include "trace.hpp"

TRACE(wait_timeout) {
  run([] {
    const auto job = [](const char* name, int seconds) {
      sleep(std::chrono::seconds(seconds));
      say(name, now());
    };
    const std::vector<task<>> tasks = {async(job, "a", 1), async(job, "b", 4)};
    const auto found = wait(tasks, {.timeout = 2s});
    say(found.done.size(), found.pending.size(), now());
    auto t = async([found] { wait(found.pending); });
    sleep(1s);
    t.cancel();
    say(error_of([&] { t.await(); }), now());
    await(tasks[1]);
  });
}
