// SPDX-License-Identifier: BSL-1.0
// Rows: T-bar-01 T-bar-02 T-bar-03
#include "trace.hpp"

TRACE(barrier_rounds) {
  run([] {
    barrier b(3);
    const auto party = [&](const char* name, int pause) {
      for (int i = 0; i < 2; ++i) {
        sleep(std::chrono::seconds(pause));
        const auto index = b.wait();
        say(name, index, b.waiting(), now());
      }
    };
    gather([&] { party("a", 1); }, [&] { party("b", 2); }, [&] { party("c", 3); });
    say(b.parties(), b.waiting(), b.broken());
    barrier alone(1);
    const auto index = alone.wait();
    say(index);
    say(error_of([] { return barrier(0), 0; }));
  });
}
