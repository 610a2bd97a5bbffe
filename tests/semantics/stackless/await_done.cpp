// SPDX-License-Identifier: BSL-1.0
#include "stackless_trace.hpp"

namespace trace::await_done {

sl::task<int> value() { co_return 5; }

sl::task<> program() {
  event_loop& loop = get_running_loop();
  const auto f = loop.create_future<int>();
  f.set_result(1);
  loop.call_soon([] { say("a pass was given up"); });
  const int first = co_await f;
  const int second = co_await f;
  const int of_coroutine = co_await value();
  say(first, second, of_coroutine);
  const auto t = sl::spawn(value());
  const int third = co_await t;
  const int fourth = co_await t;
  say(third, fourth);
}

}  // namespace trace::await_done

TRACE(await_done) { sl::run(trace::await_done::program()); }
