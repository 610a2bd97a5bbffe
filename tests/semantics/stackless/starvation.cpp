// SPDX-License-Identifier: BSL-1.0
// Rows: T-loop-11 T-sleep-01 T-sleep-03
#include "stackless_trace.hpp"

namespace trace::starvation {

sl::task<> spins(int& turns) {
  while (turns < 6) {
    ++turns;
    co_await sl::sleep(turns % 2 != 0 ? -1s : 0s);
  }
  say("spun");
}

sl::task<> program() {
  event_loop& loop = get_running_loop();
  int turns = 0;
  const auto f = loop.create_future<const char*>();
  loop.call_soon([&] { loop.call_soon([&] { loop.call_soon([&] { f.set_result("three passes"); }); }); });
  const auto t = sl::spawn(spins(turns));
  const char* const value = co_await f;
  say(value, turns);
  co_await t;
  say(turns, now());
}

}  // namespace trace::starvation

TRACE(starvation) { sl::run(trace::starvation::program()); }
