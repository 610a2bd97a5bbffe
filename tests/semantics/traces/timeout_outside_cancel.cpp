// SPDX-License-Identifier: BSL-1.0
// Rows: T-tmo-13 T-tmo-14 T-tmo-15 T-tmo-16
#include "trace.hpp"

TRACE(timeout_outside_cancel) {
  run([] {
    const auto limited = [](int seconds) { timeout(std::chrono::seconds(seconds), [] { sleep(10s); }); };
    event_loop& loop = get_running_loop();
    auto t = async(limited, 5);
    loop.call_later(1s, [t] { t.cancel(); });
    const auto first = error_of([&] { t.await(); });
    say(first, t.cancelling(), now());
    auto both = async(limited, 2);
    yield();
    loop.call_later(2s, [both] { both.cancel(); });
    const auto second = error_of([&] { both.await(); });
    say(second, both.cancelling(), now());
    auto swallower = async([limited] {
      const auto me = current_task();
      try {
        sleep(10s);
      } catch (const cancelled_error&) {
        say("swallowed", me.cancelling());
      }
      const auto error = error_of([&] { limited(1); });
      say(error, me.cancelling(), now());
    });
    loop.call_later(1s, [swallower] { swallower.cancel(); });
    await(swallower);
  });
}
