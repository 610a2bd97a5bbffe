// SPDX-License-Identifier: BSL-1.0
// Rows: T-sleep-01 T-sleep-03 T-loop-01
#include "stackless_trace.hpp"

namespace trace::sleep_turns {

sl::task<> turns(const char* name, int count, std::chrono::seconds d) {
  for (int i = 0; i < count; ++i) {
    say(name, i);
    co_await sl::sleep(d);
  }
  say(name, "ends");
}

sl::task<> program() {
  co_await sl::gather(turns("a", 3, 0s), turns("b", 2, -1s), turns("c", 1, 0s));
  const auto value = co_await sl::sleep(1s, "value");
  say(value, now());
}

}  // namespace trace::sleep_turns

TRACE(sleep_turns) { sl::run(trace::sleep_turns::program()); }
