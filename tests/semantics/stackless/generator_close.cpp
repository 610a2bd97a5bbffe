// SPDX-License-Identifier: BSL-1.0
#include "stackless_trace.hpp"

namespace trace::generator_close {

sl::generator<int> numbers() {
  std::exception_ptr exit;
  try {
    for (int i = 0; i < 10; ++i) co_yield i;
  } catch (const generator_exit&) {
    exit = std::current_exception();
  }
  if (!exit) co_return;
  say("exit", now());
  co_await sl::sleep(2s);
  say("clean", now());
  std::rethrow_exception(exit);
}

sl::generator<int> stubborn() {
  bool told = false;
  try {
    co_yield 1;
  } catch (const generator_exit&) {
    told = true;
  }
  if (told) co_yield 2;
  say("goes on");
  co_yield 3;
}

sl::generator<int> swallows() {
  try {
    co_yield 1;
  } catch (const generator_exit&) {
    say("swallowed");
  }
}

sl::task<std::string> next_of(sl::generator<int>& g) {
  const auto item = co_await g.next();
  co_return item ? word(*item) : "nothing";
}
sl::task<> say_next(sl::generator<int>& g) {
  const auto item = co_await next_of(g);
  say(item);
}
sl::task<> say_close(sl::generator<int>& g) {
  const auto error = co_await thrown_by(g.close());
  say(error);
}

sl::task<> close_between() {
  auto g = numbers();
  while (const auto i = co_await g.next()) {
    if (*i == 2) break;
  }
  const auto left = co_await next_of(g);
  say("left", left);
  const auto error = co_await thrown_by(g.close());
  say(error, now());
  co_await say_close(g);
  co_await say_next(g);
  while (const auto i = co_await g.next()) say("never", *i);
}

sl::task<> program() {
  co_await close_between();
  auto fresh = numbers();
  const auto error = co_await thrown_by(fresh.close());
  const auto nothing = co_await next_of(fresh);
  say(error, nothing);
  auto goes_on = stubborn();
  co_await say_next(goes_on);
  co_await say_close(goes_on);
  co_await say_next(goes_on);
  auto quiet = swallows();
  co_await say_next(quiet);
  co_await say_close(quiet);
}

}  // namespace trace::generator_close

TRACE(generator_close) { sl::run(trace::generator_close::program()); }
