// SPDX-License-Identifier: BSL-1.0
// Rows: T-shield-01 T-shield-02 T-shield-03 T-shield-04
#include "trace.hpp"

TRACE(shield_cancel) {
  run([] {
    const auto work = [](bool fails) {
      sleep(2s);
      say("worked", now());
      if (fails) throw std::invalid_argument("");
      return std::string("value");
    };
    const auto waits = [](task<std::string> on) { return await(shield(on)); };
    auto t = async(work, false);
    auto a = async(waits, t);
    sleep(1s);
    a.cancel();
    const auto first = error_of([&] { return a.await(); });
    say(first, t.cancelling(), now());
    const auto value = await(t);
    say(value, now());
    t = async(work, false);
    a = async(waits, t);
    sleep(1s);
    t.cancel();
    const auto second = error_of([&] { return a.await(); });
    say(second, a.cancelling(), now());
    const auto third = error_of([&] { return shield([work] { return work(true); }).await(); });
    say(third, now());
    const auto fourth = error_of([&] { return wait_for(shield(async(work, false)), 1s); });
    say(fourth, now());
    sleep(5s);
  });
}
