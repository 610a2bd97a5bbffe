// SPDX-License-Identifier: BSL-1.0
// Rows: T-wfor-01 T-wfor-02 T-wfor-06 T-wfor-07
#include "trace.hpp"

TRACE(wait_for_cleanup) {
  run([] {
    const auto job = [](int cleanup, std::string outcome) -> std::string {
      try {
        sleep(5s);
      } catch (const cancelled_error&) {
        sleep(std::chrono::seconds(cleanup));
        say("clean", now());
        if (outcome == "raises") throw;
        if (outcome == "fails") throw std::invalid_argument("");
      }
      return outcome;
    };
    const auto in_time = wait_for([] { return sleep(1s, "in time"); }, 2s);
    say(in_time, now());
    const auto late = error_of([&] { return wait_for(async(job, 3, "raises"), 1s); });
    say(late, now());
    const auto failed = error_of([&] { return wait_for(async(job, 1, "fails"), 1s); });
    say(failed, now());
    const auto value = wait_for(async(job, 1, "value"), 1s);
    say(value, now());
    say(current_task().cancelling());
  });
}
