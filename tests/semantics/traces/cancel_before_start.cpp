// SPDX-License-Identifier: BSL-1.0
// Rows: T-cancel-01 T-cancel-02 T-cancel-03
#include "trace.hpp"

TRACE(cancel_before_start) {
  run([] {
    auto t = async([] {
      try {
        say("never");
      } catch (...) {
        say("nor this");
      }
    });
    const bool accepted = t.cancel();
    say(accepted, t.cancelling(), t.cancelled());
    const auto error = error_of([&] { t.await(); });
    const bool cancelled = t.cancelled();
    const bool again = t.cancel();
    say(error, cancelled, again, t.cancelling());
  });
}
