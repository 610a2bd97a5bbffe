// SPDX-License-Identifier: BSL-1.0
// Rows: T-asc-01 T-asc-02 T-asc-03 T-asc-04
#include "trace.hpp"

TRACE(as_completed_order) {
  run([] {
    const auto job = [](int seconds, bool fails) {
      sleep(std::chrono::seconds(seconds));
      if (fails) throw std::invalid_argument("");
      return seconds;
    };
    const std::vector<task<int>> tasks = {async(job, 3, false), async(job, 1, false), async(job, 2, true)};
    for (const auto& t : as_completed(tasks)) {
      try {
        say(t.result(), now());
      } catch (const std::invalid_argument&) {
        say("ValueError", now());
      }
    }
    auto slow = async(job, 5, false);
    auto quick = async(job, 1, false);
    try {
      for (const auto& t : as_completed(std::vector{quick, slow}, 2s)) say(t.result(), now());
    } catch (const timeout_error&) {
      say("time is over", now());
    }
    const int last = await(slow);
    say(last, now());
  });
}
