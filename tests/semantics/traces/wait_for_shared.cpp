// SPDX-License-Identifier: BSL-1.0
// Rows: T-wfor-01 T-wfor-03 T-wfor-11
#include "trace.hpp"

TRACE(wait_for_shared) {
  run([] {
    const auto job = [](int seconds, bool fails) {
      try {
        sleep(std::chrono::seconds(seconds));
      } catch (const cancelled_error&) {
        say("cancelled", now());
        throw;
      }
      if (fails) throw std::invalid_argument("");
      return seconds;
    };
    auto t = async(job, 5, false);
    auto a = async([t] { static_cast<void>(wait_for(t, 10s)); });
    sleep(1s);
    t.cancel();
    const auto cancelled = error_of([&] { return a.await(), 0; });
    say(cancelled, a.cancelled(), now());
    const auto failed = error_of([&] { return wait_for([&] { return job(1, true); }, 2s); });
    say(failed, now());
    auto f = get_running_loop().create_future<int>();
    const auto late = error_of([&] { return wait_for(f, 1s); });
    say(late, f.cancelled(), now());
    const int unlimited = wait_for([&] { return job(1, false); }, std::nullopt);
    say(unlimited, now());
    t = async(job, 2, false);
    auto shielded = async([t] { return wait_for(shield(t), 1s); });
    auto direct = async([t] { return wait_for(t, 3s); });
    const auto given_up = error_of([&] { return shielded.await(); });
    const int value = await(direct);
    say(given_up, value, now());
  });
}
