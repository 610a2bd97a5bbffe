// SPDX-License-Identifier: BSL-1.0
// Rows: T-pipe-01
#include "trace.hpp"

TRACE(pipeline_pull) {
  const auto readings = []() -> generator<int> {
    return {[](auto& yield) {
      try {
        for (int i = 0; i < 100; ++i) {
          sleep(1s);
          yield(i);
        }
      } catch (const cancelled_error&) {
        say("source cancelled", now());
        throw;
      }
    }};
  };
  const auto square = [](int i) {
    sleep(500ms);
    return i * i;
  };
  run([&] {
    const auto reader = [&] {
      for (int i : readings() | filter([](int i) { return i % 3 == 0; }) | transform(square)) say("got", i, now());
    };
    const auto task = async(reader);
    sleep(10250ms);
    task.cancel();
    say(error_of([&] { task.await(); }), now());
    say(all_tasks().size());
  });
}
