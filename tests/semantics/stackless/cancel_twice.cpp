// SPDX-License-Identifier: BSL-1.0
#include "stackless_trace.hpp"

namespace trace::cancel_twice {

sl::task<> counts() {
  const auto me = current_task();
  try {
    co_await sl::sleep(10s);
  } catch (const cancelled_error&) {
    say("once", me.cancelling());
  }
  const int first = me.uncancel();
  const int second = me.uncancel();
  say(first, second, me.uncancel());
  co_await sl::sleep(1s);
  say("undisturbed", now());
}

sl::task<> program() {
  const auto t = sl::spawn(counts());
  co_await sl::sleep(1s);
  const bool once = t.cancel();
  say(once, t.cancel());
  co_await t;
}

}  // namespace trace::cancel_twice

TRACE(cancel_twice) { sl::run(trace::cancel_twice::program()); }
