// SPDX-License-Identifier: BSL-1.0
// Rows: T-wait-01 T-wait-03 T-wait-06
#include "trace.hpp"

TRACE(wait_first) {
  run([] {
    const auto job = [](int seconds, bool fails) {
      sleep(std::chrono::seconds(seconds));
      if (fails) throw std::invalid_argument("");
      return seconds;
    };
    std::vector<task<int>> tasks;
    for (const int s : {1, 2, 1}) tasks.push_back(async(job, s, false));
    auto found = wait(tasks, {.return_when = first_completed});
    say(found.done.size(), found.pending.size(), now());
    tasks.clear();
    for (const int s : {1, 2, 3}) tasks.push_back(async(job, s, s == 2));
    found = wait(tasks, {.return_when = first_exception});
    const auto at = now();
    say(found.done.size(), found.pending.size(), at, error_of([&] { return tasks[1].await(); }));
    found = wait(tasks);
    say(found.done.size(), found.pending.size(), now());
  });
}
