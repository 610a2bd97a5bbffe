// SPDX-License-Identifier: BSL-1.0
// Rows: T-timer-01 T-timer-03 T-timer-04 T-timer-05
#include "trace.hpp"

TRACE(timers_order) {
  run([] {
    event_loop& loop = get_running_loop();
    for (int d : {3, 1, 2, 1, -1, -2, 0}) loop.call_later(std::chrono::seconds(d), [d] { say("timer", d, now()); });
    loop.call_soon([] { say("soon"); });
    yield();
    say("main");
    sleep(4s);
  });
}
