// SPDX-License-Identifier: BSL-1.0
// Rows: T-loop-01 T-loop-02 T-loop-03
#include "stackless_trace.hpp"

#include <functional>

namespace trace::passes {

sl::task<> steps(const char* name) {
  for (int i = 0; i < 3; ++i) {
    say(name, i);
    co_await sl::yield();
  }
}

sl::task<> program() {
  event_loop& loop = get_running_loop();
  std::function<void(int)> chain = [&](int left) {
    say("chain", left);
    if (left > 0) loop.call_soon([&chain, left] { chain(left - 1); });
  };
  auto skipped = loop.call_soon([] { say("never"); });
  loop.call_soon([&chain] { chain(2); });
  const auto t = sl::spawn(steps("task"));
  loop.call_soon([] { say("last of the pass"); });
  loop.call_soon([skipped]() mutable { skipped.cancel(); });
  skipped.cancel();
  say(skipped.cancelled());
  co_await t;
  say("main");
}

}  // namespace trace::passes

TRACE(passes) { sl::run(trace::passes::program()); }
