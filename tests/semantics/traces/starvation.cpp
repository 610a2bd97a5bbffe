// SPDX-License-Identifier: BSL-1.0
// Rows: T-loop-11 T-sleep-01 T-sleep-03
#include "trace.hpp"

TRACE(starvation) {
  run([] {
    event_loop& loop = get_running_loop();
    int turns = 0;
    const auto spins = [&turns] {
      while (turns < 6) {
        ++turns;
        if (turns % 2 != 0) {
          sleep(-1s);
        } else {
          sleep(0s);
        }
      }
      say("spun");
    };
    auto f = loop.create_future<const char*>();
    loop.call_soon([&] { loop.call_soon([&] { loop.call_soon([&] { f.set_result("three passes"); }); }); });
    auto t = async(spins);
    const char* const value = await(f);
    say(value, turns);
    await(t);
    say(turns, now());
  });
}
