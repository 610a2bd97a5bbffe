// SPDX-License-Identifier: BSL-1.0
// Rows: T-timer-02 T-timer-06 T-sleep-04
#include "stackless_trace.hpp"

namespace trace::timers_cancel {

sl::task<> sleeps() { co_await sl::sleep(100s); }

sl::task<> program() {
  event_loop& loop = get_running_loop();
  auto later = loop.call_later(2s, [] { say("never"); });
  loop.call_later(1s, [later]() mutable { later.cancel(); });
  say("when", std::chrono::duration_cast<std::chrono::seconds>(later.when().time_since_epoch()).count());
  const auto sleeper = sl::spawn(sleeps());
  co_await sl::sleep(3s);
  sleeper.cancel();
  const auto error = co_await thrown_by(sleeper);
  say(error, now());
}

}  // namespace trace::timers_cancel

TRACE(timers_cancel) { sl::run(trace::timers_cancel::program()); }
