// SPDX-License-Identifier: BSL-1.0
// Rows: T-tmo-02 T-tmo-05 T-tmo-06 T-tmo-07
#include "stackless_trace.hpp"

namespace trace::timeout_inside {

sl::task<> sleeps(timeout_scope& scope, bool& expired) {
  try {
    co_await sl::sleep(10s);
  } catch (const cancelled_error&) {
    expired = scope.expired();
    throw;
  }
}

sl::task<> with_inner(timeout_scope& outer) {
  bool inner_expired = false;
  try {
    co_await sl::timeout(1s, [&](timeout_scope& inner) { return sleeps(inner, inner_expired); });
  } catch (const timeout_error&) {
    say("inner", inner_expired, outer.expired(), now());
  }
  co_await sl::sleep(10s);
}

sl::task<> inner_first() { co_await sl::timeout(3s, &with_inner); }

sl::task<> tells_of_both(timeout_scope& outer, timeout_scope& inner) {
  try {
    co_await sl::sleep(10s);
  } catch (const cancelled_error&) {
    say("outer", inner.expired(), outer.expired(), now());
    throw;
  }
}

sl::task<> with_late_inner(timeout_scope& outer) {
  try {
    co_await sl::timeout(3s, [&](timeout_scope& inner) { return tells_of_both(outer, inner); });
  } catch (const timeout_error&) {
    say("never");
  }
}

sl::task<> outer_first() { co_await sl::timeout(1s, &with_late_inner); }

sl::task<> fails() {
  throw std::invalid_argument("");
  co_return;
}

sl::task<> body_fails() { co_await sl::timeout(1s, fails()); }

sl::task<> short_sleep(timeout_scope& limit) {
  co_await sl::sleep(1s);
  say("in time", limit.expired(), now());
}

sl::task<> in_time() { co_await sl::timeout(5s, &short_sleep); }

sl::task<> program() {
  for (auto* const f : {&inner_first, &outer_first, &body_fails, &in_time}) {
    const auto error = co_await thrown_by(f());
    say(error, current_task().cancelling(), now());
  }
}

}  // namespace trace::timeout_inside

TRACE(timeout_inside) { sl::run(trace::timeout_inside::program()); }
