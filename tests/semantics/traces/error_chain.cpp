// SPDX-License-Identifier: BSL-1.0
// Rows: T-task-02 T-task-03
#include "trace.hpp"

TRACE(error_chain) {
  run([] {
    const auto fails = [] {
      sleep(1s);
      throw std::invalid_argument("");
    };
    const auto middle = [](const task<>& on) {
      struct at_end {
        ~at_end() { say("through the middle", now()); }
      } const finally;
      await(on);
    };
    auto t = async(fails);
    auto a = async(middle, t);
    auto b = async(middle, a);
    const auto of = [](const task<>& x) { return error_of([&] { return x.await(), 0; }); };
    const auto first = of(b);
    say(first);
    const auto again = of(t);
    const auto of_a = of(a);
    say(again, of_a, of(b), now());
    say(t.done(), t.cancelled(), t.exception() == a.exception() && a.exception() == b.exception());
  });
}
