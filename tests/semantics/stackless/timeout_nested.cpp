// SPDX-License-Identifier: BSL-1.0
// Rows: T-tmo-01 T-tmo-06 T-tmo-07 T-tmo-08
#include "stackless_trace.hpp"

namespace trace::timeout_nested {

struct findings {
  bool outer_expired = false;
  bool inner_expired = false;
};

sl::task<> sleeps(timeout_scope& outer, timeout_scope& inner, findings& found) {
  try {
    co_await sl::sleep(10s);
  } catch (...) {
    found.inner_expired = inner.expired();
    found.outer_expired = outer.expired();
    throw;
  }
}

sl::task<> with_inner(timeout_scope& outer, int seconds, findings& found) {
  try {
    co_await sl::timeout(std::chrono::seconds(seconds), [&](timeout_scope& inner) { return sleeps(outer, inner, found); });
  } catch (...) {
    say("inner", error_name(std::current_exception()), found.inner_expired, current_task().cancelling());
    found.outer_expired = outer.expired();
    throw;
  }
}

sl::task<> nested(int outer, int inner) {
  findings found;
  try {
    co_await sl::timeout(std::chrono::seconds(outer), [&](timeout_scope& scope) { return with_inner(scope, inner, found); });
  } catch (...) {
    say("outer", error_name(std::current_exception()), found.outer_expired, current_task().cancelling(), now());
  }
}

sl::task<> program() {
  co_await nested(3, 1);
  co_await nested(1, 3);
  co_await nested(1, 1);
}

}  // namespace trace::timeout_nested

TRACE(timeout_nested) { sl::run(trace::timeout_nested::program()); }
