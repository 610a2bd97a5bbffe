// SPDX-License-Identifier: BSL-1.0
// Rows: T-shield-05 T-shield-07
#include "trace.hpp"

TRACE(shield_gather) {
  run([] {
    const auto job = [](const char* name, int seconds) {
      try {
        sleep(std::chrono::seconds(seconds));
      } catch (const cancelled_error&) {
        say(name, "cancelled", now());
        throw;
      }
      say(name, "done", now());
      return std::string(name);
    };
    auto guarded = gather_future(async(job, "a", 2), async(job, "b", 3));
    auto shielded = shield(guarded);
    sleep(1s);
    const bool effect = shielded.cancel();
    say(effect, shielded.cancelled(), guarded.cancelled());
    const auto [a, b] = await(guarded);
    say(a, b, now());
    say(await(shield(guarded)) == await(guarded));
    const auto c = async(job, "c", 2);
    const auto d = async(job, "d", 3);
    auto shields = gather_future(shield(c), shield(d));
    sleep(1s);
    say(shields.cancel());
    const auto error = error_of([&] { return shields.await(); });
    say(error, now());
    const auto of_c = await(c);
    const auto of_d = await(d);
    say(of_c, of_d, now());
  });
}
