// SPDX-License-Identifier: BSL-1.0
// Rows: T-tmo-03 T-tmo-04 T-tmo-09 T-tmo-12
#include "stackless_trace.hpp"

#include <optional>

namespace trace::timeout_reschedule {

struct change {
  bool wanted = false;
  std::optional<delay> to = std::nullopt;
};

sl::task<> body(timeout_scope& s, change c, delay sleeps, bool& expired) {
  if (c.wanted) s.reschedule(c.to ? std::optional(after(clock::now(), *c.to)) : std::nullopt);
  try {
    co_await sl::sleep(sleeps);
  } catch (...) {
    expired = s.expired();
    throw;
  }
}

sl::task<> scope(std::optional<delay> limit, change c, delay sleeps) {
  bool expired = false;
  try {
    co_await sl::timeout(limit, [&](timeout_scope& s) { return body(s, c, sleeps, expired); });
    say("in time", expired, now());
  } catch (const timeout_error&) {
    say("late", expired, now());
  }
}

sl::task<bool> never_suspends(timeout_scope& s) {
  say("never suspends");
  co_return s.expired();
}

sl::task<> program() {
  constexpr change none;
  constexpr change never{true, std::nullopt};
  constexpr change at_1{true, 1s};
  constexpr change at_3{true, 3s};
  constexpr change before{true, -1s};
  co_await scope(std::nullopt, none, 1s);
  co_await scope(0s, none, 1s);
  co_await scope(1s, at_3, 2s);
  co_await scope(5s, at_1, 2s);
  co_await scope(1s, never, 2s);
  co_await scope(std::nullopt, at_1, 2s);
  co_await scope(5s, before, 2s);
  const bool expired = co_await sl::timeout(0s, &never_suspends);
  say(expired);
}

}  // namespace trace::timeout_reschedule

TRACE(timeout_reschedule) { sl::run(trace::timeout_reschedule::program()); }
