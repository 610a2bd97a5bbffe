// SPDX-License-Identifier: BSL-1.0
// Rows: T-wfor-09 T-wfor-10
#include "trace.hpp"

TRACE(wait_for_cancel) {
  run([] {
    for (const std::optional<delay> limit : {std::optional<delay>(5s), std::optional<delay>()}) {
      auto t = async([] {
        try {
          sleep(10s);
        } catch (...) {
          sleep(1s);
          say("inner is clean", now());
          throw;
        }
      });
      auto caller = async([t, limit] { wait_for(t, limit); });
      sleep(1s);
      caller.cancel();
      const auto error = error_of([&] { caller.await(); });
      say(error, t.cancelled(), now());
    }
  });
}
