// SPDX-License-Identifier: BSL-1.0
#include "stackless_trace.hpp"

namespace trace::barrier_rounds {

sl::task<> party(barrier& b, const char* name, int pause) {
  for (int i = 0; i < 2; ++i) {
    co_await sl::sleep(std::chrono::seconds(pause));
    const auto index = co_await sl::wait(b);
    say(name, index, b.waiting(), now());
  }
}

sl::task<> program() {
  barrier b(3);
  co_await sl::gather(party(b, "a", 1), party(b, "b", 2), party(b, "c", 3));
  say(b.parties(), b.waiting(), b.broken());
  barrier alone(1);
  const auto index = co_await sl::wait(alone);
  say(index);
  say(error_of([] { return barrier(0), 0; }));
}

}  // namespace trace::barrier_rounds

TRACE(barrier_rounds) { sl::run(trace::barrier_rounds::program()); }
