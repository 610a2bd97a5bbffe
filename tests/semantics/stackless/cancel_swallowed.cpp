// SPDX-License-Identifier: BSL-1.0
#include "stackless_trace.hpp"

namespace trace::cancel_swallowed {

sl::task<std::string> stubborn() {
  try {
    co_await sl::sleep(10s);
  } catch (const cancelled_error&) {
    say("swallowed");
  }
  try {
    co_await sl::sleep(10s);
  } catch (const cancelled_error&) {
    say("swallowed again");
  }
  co_return "value";
}

sl::task<> waits(task<std::string> t) {
  const auto v = co_await t;
  say("goes on with", v, current_task().cancelling());
}

sl::task<> program() {
  const auto t = sl::spawn(stubborn());
  const auto a = sl::spawn(waits(t));
  co_await sl::sleep(1s);
  t.cancel();
  co_await sl::sleep(1s);
  a.cancel();
  co_await a;
  say(t.cancelled(), t.result(), t.cancelling(), a.cancelled());
}

}  // namespace trace::cancel_swallowed

TRACE(cancel_swallowed) { sl::run(trace::cancel_swallowed::program()); }
