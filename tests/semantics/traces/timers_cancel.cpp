// SPDX-License-Identifier: BSL-1.0
// Rows: T-timer-02 T-timer-06 T-sleep-04
#include "trace.hpp"

TRACE(timers_cancel) {
  run([] {
    event_loop& loop = get_running_loop();
    auto later = loop.call_later(2s, [] { say("never"); });
    loop.call_later(1s, [later]() mutable { later.cancel(); });
    say("when", std::chrono::duration_cast<std::chrono::seconds>(later.when().time_since_epoch()).count());
    auto sleeper = async([] { sleep(100s); });
    sleep(3s);
    sleeper.cancel();
    say(error_of([&] { sleeper.await(); }), now());
  });
}
