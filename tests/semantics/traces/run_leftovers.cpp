// SPDX-License-Identifier: BSL-1.0
// Rows: T-run-01 T-run-02 T-run-03 T-run-08
#include "trace.hpp"

TRACE(run_leftovers) {
  const auto leftover = [](const char* name, int cleanup) {
    try {
      sleep(100s);
    } catch (const cancelled_error&) {
      sleep(std::chrono::seconds(cleanup));
      say(name, "is clean", now());
      throw;
    }
  };
  say(run([leftover] {
    get_running_loop().set_exception_handler(
        [](event_loop&, const exception_context& context) { say("reported", error_name(context.exception)); });
    const std::vector<task<>> tasks = {async(leftover, "a", 2), async([] {
                                         try {
                                           sleep(100s);
                                         } catch (const cancelled_error&) {
                                           throw std::invalid_argument("");
                                         }
                                       }),
                                       async(leftover, "b", 1)};
    sleep(1s);
    say(error_of([] { run([] {}); }));
    return tasks.size();
  }));
}
