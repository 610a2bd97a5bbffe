// SPDX-License-Identifier: BSL-1.0
#include "stackless_trace.hpp"

namespace trace::generator_cancel {

sl::generator<int> ticks() {
  std::exception_ptr error;
  try {
    for (int i = 0;; ++i) {
      co_await sl::sleep(1s);
      co_yield i;
    }
  } catch (const cancelled_error&) {
    error = std::current_exception();
  } catch (const generator_exit&) {
    say("exit", now());
    throw;
  }
  say("inside", now());
  co_await sl::sleep(2s);
  say("clean", now());
  std::rethrow_exception(error);
}

sl::task<> read(sl::generator<int>& g, int pause) {
  while (const auto i = co_await g.next()) {
    say("item", *i, now());
    co_await sl::sleep(std::chrono::seconds(pause));
  }
}

sl::task<std::string> next_of(sl::generator<int>& g) {
  const auto item = co_await g.next();
  co_return item ? word(*item) : "nothing";
}

sl::task<> cancel_in_body() {
  auto g = ticks();
  const auto task = sl::spawn(read(g, 0));
  co_await sl::sleep(2500ms);
  task.cancel();
  const auto error = co_await thrown_by(task);
  say(error, now());
  const auto next = co_await next_of(g);
  say(next);
}

sl::task<> cancel_between() {
  auto g = ticks();
  const auto task = sl::spawn(read(g, 100));
  co_await sl::sleep(2500ms);
  task.cancel();
  const auto error = co_await thrown_by(task);
  say(error, now());
  const auto item = co_await next_of(g);
  say(item, now());
  co_await g.close();
  const auto next = co_await next_of(g);
  say(next);
}

sl::task<> cancel_in_cleanup() {
  auto g = ticks();
  const auto item = co_await next_of(g);
  say(item);
  const auto task = sl::spawn(read(g, 0));
  co_await sl::sleep(500ms);
  const auto refused = co_await thrown_by(g.close());
  say(refused);
  task.cancel();
  co_await sl::sleep(1s);
  task.cancel();
  const auto error = co_await thrown_by(task);
  say(error, now());
}

sl::task<> program() {
  co_await cancel_in_body();
  co_await cancel_between();
  co_await cancel_in_cleanup();
}

}  // namespace trace::generator_cancel

TRACE(generator_cancel) { sl::run(trace::generator_cancel::program()); }
