// SPDX-License-Identifier: BSL-1.0
#include "stackless_trace.hpp"

#include <vector>

namespace trace::generator_leftover {

sl::generator<int> numbers(std::string name, int pause, bool fails) {
  std::exception_ptr exit;
  try {
    for (int i = 0;; ++i) co_yield i;
  } catch (const generator_exit&) {
    exit = std::current_exception();
  }
  co_await sl::sleep(std::chrono::seconds(pause));
  say(name, "ends", now());
  if (fails) throw std::invalid_argument("");
  std::rethrow_exception(exit);
}

sl::task<> leftover() {
  std::exception_ptr cancelled;
  try {
    co_await sl::sleep(100s);
  } catch (const cancelled_error&) {
    cancelled = std::current_exception();
  }
  co_await sl::sleep(1s);
  say("task ends", now());
  std::rethrow_exception(cancelled);
}

sl::task<> program(std::vector<sl::generator<int>>& kept) {
  get_running_loop().set_exception_handler(
      [](event_loop&, const exception_context& context) { say("reported", error_name(context.exception)); });
  kept.push_back(numbers("slow", 3, false));
  kept.push_back(numbers("fails", 2, true));
  kept.push_back(numbers("quick", 1, false));
  kept.push_back(numbers("fresh", 1, false));
  for (std::size_t i = 0; i < 3; ++i) {
    const auto item = co_await kept[i].next();
    say(*item);
  }
  const auto task = sl::spawn(leftover());
  co_await sl::yield();
  say("main ends", now());
}

}  // namespace trace::generator_leftover

TRACE(generator_leftover) {
  std::vector<sl::generator<int>> kept;
  sl::run(trace::generator_leftover::program(kept));
  say("all over");
}
