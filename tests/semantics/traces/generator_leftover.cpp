// SPDX-License-Identifier: BSL-1.0
// Rows: T-agen-06 T-agen-10 T-run-04
#include "trace.hpp"

#include <vector>

TRACE(generator_leftover) {
  const auto numbers = [](std::string name, int pause, bool fails) -> generator<int> {
    return {[name, pause, fails](auto& yield) {
      try {
        for (int i = 0;; ++i) yield(i);
      } catch (const generator_exit&) {
        sleep(std::chrono::seconds(pause));
        say(name, "ends", now());
        if (fails) throw std::invalid_argument("");
        throw;
      }
    }};
  };
  const auto leftover = [] {
    try {
      sleep(100s);
    } catch (const cancelled_error&) {
      sleep(1s);
      say("task ends", now());
      throw;
    }
  };
  std::vector<generator<int>> kept;
  run([&] {
    get_running_loop().set_exception_handler(
        [](event_loop&, const exception_context& context) { say("reported", error_name(context.exception)); });
    kept.push_back(numbers("slow", 3, false));
    kept.push_back(numbers("fails", 2, true));
    kept.push_back(numbers("quick", 1, false));
    kept.push_back(numbers("fresh", 1, false));
    for (std::size_t i = 0; i < 3; ++i) say(*kept[i].next());
    const auto task = async(leftover);
    yield();
    say("main ends", now());
  });
  say("all over");
}
