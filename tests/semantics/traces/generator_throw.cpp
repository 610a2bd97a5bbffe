// SPDX-License-Identifier: BSL-1.0
// Rows: T-agen-04 T-agen-09
#include "trace.hpp"

TRACE(generator_throw) {
  const auto patient = []() -> generator<int> {
    return {[](auto& yield) {
      for (int i = 0; i < 5; ++i) {
        bool was_caught = false;
        try {
          yield(i);
        } catch (const std::invalid_argument&) {
          was_caught = true;
        }
        if (!was_caught) continue;
        say("caught", i);
        sleep(1s);
        yield(100 + i);
      }
    }};
  };
  const auto breaks = []() -> generator<int> {
    return {[](auto& yield) {
      yield(1);
      sleep(1s);
      throw std::invalid_argument("");
    }};
  };
  run([&] {
    auto g = patient();
    say(*g.next());
    const int item = *g.throw_into(std::invalid_argument(""));
    say(item, now());
    say(*g.next());
    say(error_of([&] { g.throw_into(named_error("KeyError")); }));
    say(g.next() ? "something" : "nothing");

    g = patient();
    std::string error = error_of([&] { g.throw_into(std::invalid_argument("")); });
    say(error, g.next() ? "something" : "nothing");

    g = breaks();
    say(*g.next());
    error = error_of([&] { return g.next(); });
    say(error, now());
    say(g.next() ? "something" : "nothing");
  });
}
