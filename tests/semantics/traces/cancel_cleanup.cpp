// SPDX-License-Identifier: BSL-1.0
// Rows: T-cancel-02 T-cancel-08 T-cancel-14
#include "trace.hpp"

TRACE(cancel_cleanup) {
  run([] {
    auto t = async([] {
      try {
        sleep(100s);
      } catch (...) {
        say("cleanup begins", now());
        try {
          sleep(5s);
          say("never");
        } catch (...) {
          say("cleanup interrupted", current_task().cancelling(), now());
          throw;
        }
        throw;
      }
    });
    sleep(1s);
    t.cancel();
    sleep(2s);
    t.cancel();
    const auto error = error_of([&] { return t.await(), 0; });
    say(error, t.cancelling(), now());
    say(t.cancel(), t.cancelled());
  });
}
