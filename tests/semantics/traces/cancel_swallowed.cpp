// SPDX-License-Identifier: BSL-1.0
// Rows: T-cancel-07 T-cancel-08 T-cancel-09
#include "trace.hpp"

TRACE(cancel_swallowed) {
  run([] {
    auto t = async([] {
      try {
        sleep(10s);
      } catch (const cancelled_error&) {
        say("swallowed");
      }
      try {
        sleep(10s);
      } catch (const cancelled_error&) {
        say("swallowed again");
      }
      return std::string("value");
    });
    auto a = async([t] {
      const auto v = await(t);
      say("goes on with", v, current_task().cancelling());
    });
    sleep(1s);
    t.cancel();
    sleep(1s);
    a.cancel();
    await(a);
    say(t.cancelled(), t.result(), t.cancelling(), a.cancelled());
  });
}
