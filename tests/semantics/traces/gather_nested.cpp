// SPDX-License-Identifier: BSL-1.0
// Rows: T-gather-03 T-gather-04 T-gather-05 T-gather-06 T-gather-11
#include "trace.hpp"

TRACE(gather_nested) {
  run([] {
    const auto job = [](const char* name, int seconds, bool fails) {
      try {
        sleep(std::chrono::seconds(seconds));
      } catch (const cancelled_error&) {
        say(name, "cancelled", now());
        throw;
      }
      if (fails) throw std::invalid_argument("");
      say(name, "done", now());
      return std::string(name);
    };
    const auto inner = gather_future(async(job, "a", 1, false), async(job, "b", 2, false));
    const auto shared = async(job, "c", 3, false);
    const auto [ab, c, again] = gather(inner, shared, shared);
    say(std::get<0>(ab), std::get<1>(ab), c, again, now());
    auto outer = gather_future(gather_future(async(job, "d", 4, false), async(job, "e", 1, true)), async(job, "f", 2, false));
    const auto failed = error_of([&] { return outer.await(); });
    say(failed, now());
    sleep(5s);
    outer = gather_future(gather_future(async(job, "g", 4, false), async(job, "h", 5, false)), async(job, "i", 6, false));
    sleep(1s);
    say(outer.cancel());
    const auto cancelled = error_of([&] { return outer.await(); });
    say(cancelled, outer.cancelled(), now());
  });
}
