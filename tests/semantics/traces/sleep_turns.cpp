// SPDX-License-Identifier: BSL-1.0
// Rows: T-sleep-01 T-sleep-03 T-loop-01
#include "trace.hpp"

TRACE(sleep_turns) {
  auto turns = [](const char* name, int count, std::chrono::seconds d) {
    for (int i = 0; i < count; ++i) {
      say(name, i);
      sleep(d);
    }
    say(name, "ends");
  };
  run([turns] {
    gather([turns] { turns("a", 3, 0s); }, [turns] { turns("b", 2, -1s); }, [turns] { turns("c", 1, 0s); });
    const auto value = sleep(1s, "value");
    say(value, now());
  });
}
