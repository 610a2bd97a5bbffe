// SPDX-License-Identifier: BSL-1.0
// Rows: T-tmo-03 T-tmo-04 T-tmo-09 T-tmo-12
#include "trace.hpp"

TRACE(timeout_reschedule) {
  const auto scope = [](std::optional<delay> limit, bool changes, std::optional<delay> change, delay sleeps) {
    bool expired = false;
    try {
      timeout(limit, [&](timeout_scope& s) {
        if (changes) s.reschedule(change ? std::optional(after(clock::now(), *change)) : std::nullopt);
        try {
          sleep(sleeps);
        } catch (...) {
          expired = s.expired();
          throw;
        }
      });
      say("in time", expired, now());
    } catch (const timeout_error&) {
      say("late", expired, now());
    }
  };
  run([scope] {
    scope(std::nullopt, false, std::nullopt, 1s);
    scope(0s, false, std::nullopt, 1s);
    scope(1s, true, 3s, 2s);
    scope(5s, true, 1s, 2s);
    scope(1s, true, std::nullopt, 2s);
    scope(std::nullopt, true, 1s, 2s);
    scope(5s, true, -1s, 2s);
    const bool expired = timeout(0s, [](timeout_scope& s) {
      say("never suspends");
      return s.expired();
    });
    say(expired);
  });
}
