// SPDX-License-Identifier: BSL-1.0
// Rows: T-timer-01 T-timer-03 T-timer-04 T-timer-05
#include "stackless_trace.hpp"

namespace trace::timers_order {

sl::task<> program() {
  event_loop& loop = get_running_loop();
  for (const int d : {3, 1, 2, 1, -1, -2, 0}) loop.call_later(std::chrono::seconds(d), [d] { say("timer", d, now()); });
  loop.call_soon([] { say("soon"); });
  co_await sl::yield();
  say("main");
  co_await sl::sleep(4s);
}

}  // namespace trace::timers_order

TRACE(timers_order) { sl::run(trace::timers_order::program()); }
