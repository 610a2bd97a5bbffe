// SPDX-License-Identifier: BSL-1.0
// Rows: T-run-05 T-run-06
#include "stackless_trace.hpp"

namespace trace::runner_runs {

sl::task<> background() {
  for (int i = 0; i < 4; ++i) {
    co_await sl::sleep(1s);
    say("background", i, now());
  }
}

sl::task<std::string> starts() {
  static_cast<void>(sl::spawn(background()));
  co_await sl::sleep(1500ms);
  co_return "first";
}

sl::task<> fails() {
  throw std::invalid_argument("");
  co_return;
}

sl::task<std::string> waits() {
  co_await sl::sleep(1s);
  co_return "third";
}

void program() {
  runner several;
  say(several.run(starts()));
  say(error_of([&] { several.run(fails()); }));
  say(several.run(waits()));
  several.close();
}

}  // namespace trace::runner_runs

TRACE(runner_runs) { trace::runner_runs::program(); }
