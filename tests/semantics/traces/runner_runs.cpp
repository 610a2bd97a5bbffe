// SPDX-License-Identifier: BSL-1.0
// Rows: T-run-05 T-run-06
#include "trace.hpp"

TRACE(runner_runs) {
  runner several;
  const auto background = [] {
    for (int i = 0; i < 4; ++i) {
      sleep(1s);
      say("background", i, now());
    }
  };
  say(several.run([&] {
    static_cast<void>(async(background));
    sleep(1500ms);
    return "first";
  }));
  say(error_of([&] {
    several.run([] { throw std::invalid_argument(""); });
    return 0;
  }));
  say(several.run([] {
    sleep(1s);
    return "third";
  }));
  several.close();
}
