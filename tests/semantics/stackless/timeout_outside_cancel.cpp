// SPDX-License-Identifier: BSL-1.0
// Rows: T-tmo-13 T-tmo-14 T-tmo-15 T-tmo-16
#include "stackless_trace.hpp"

namespace trace::timeout_outside_cancel {

sl::task<> sleeps() { co_await sl::sleep(10s); }

sl::task<> limited(int seconds) { co_await sl::timeout(std::chrono::seconds(seconds), sleeps()); }

sl::task<> tries() {
  const auto me = current_task();
  try {
    co_await sl::sleep(10s);
  } catch (const cancelled_error&) {
    say("swallowed", me.cancelling());
  }
  const auto error = co_await thrown_by(limited(1));
  say(error, me.cancelling(), now());
}

sl::task<> program() {
  event_loop& loop = get_running_loop();
  const auto t = sl::spawn(limited(5));
  loop.call_later(1s, [t] { t.cancel(); });
  const auto first = co_await thrown_by(t);
  say(first, t.cancelling(), now());
  const auto both = sl::spawn(limited(2));
  co_await sl::yield();
  loop.call_later(2s, [both] { both.cancel(); });
  const auto second = co_await thrown_by(both);
  say(second, both.cancelling(), now());
  const auto swallower = sl::spawn(tries());
  loop.call_later(1s, [swallower] { swallower.cancel(); });
  co_await swallower;
}

}  // namespace trace::timeout_outside_cancel

TRACE(timeout_outside_cancel) { sl::run(trace::timeout_outside_cancel::program()); }
