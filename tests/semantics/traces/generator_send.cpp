// SPDX-License-Identifier: BSL-1.0
// Rows: T-agen-03
#include "trace.hpp"

TRACE(generator_send) {
  const auto averages = []() -> generator<int, int> {
    return {[](auto& yield) {
      int total = 0;
      int count = 0;
      int average = 0;
      for (;;) {
        const auto value = yield(average);
        if (!value) {
          say("no value");
          continue;
        }
        sleep(1s);
        total += *value;
        ++count;
        average = total / count;
      }
    }};
  };
  run([&] {
    auto g = averages();
    say("RuntimeError" == error_of([&] { g.send(1); }));
    say(*g.next());
    for (int value : {10, 20, 60}) {
      const int average = *g.send(value);
      say(average, now());
    }
    say(*g.next());
    g.close();
    if (!g.send(1)) say("over", now());
  });
}
