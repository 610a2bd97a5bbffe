// SPDX-License-Identifier: BSL-1.0
// Rows: T-cancel-13 T-cancel-14 T-cancel-15
#include "trace.hpp"

TRACE(cancel_twice) {
  run([] {
    auto t = async([] {
      const auto me = current_task();
      try {
        sleep(10s);
      } catch (const cancelled_error&) {
        say("once", me.cancelling());
      }
      const int first = me.uncancel();
      const int second = me.uncancel();
      say(first, second, me.uncancel());
      sleep(1s);
      say("undisturbed", now());
    });
    sleep(1s);
    const bool once = t.cancel();
    say(once, t.cancel());
    await(t);
  });
}
