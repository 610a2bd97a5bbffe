// SPDX-License-Identifier: BSL-1.0
// Rows: T-agen-01 T-agen-02 T-agen-05
#include "trace.hpp"

TRACE(generator_close) {
  const auto numbers = []() -> generator<int> {
    return {[](auto& yield) {
      try {
        for (int i = 0; i < 10; ++i) yield(i);
      } catch (const generator_exit&) {
        say("exit", now());
        sleep(2s);
        say("clean", now());
        throw;
      }
    }};
  };
  const auto stubborn = []() -> generator<int> {
    return {[](auto& yield) {
      try {
        yield(1);
      } catch (const generator_exit&) {
        yield(2);
      }
      say("goes on");
      yield(3);
    }};
  };
  const auto swallows = []() -> generator<int> {
    return {[](auto& yield) {
      try {
        yield(1);
      } catch (const generator_exit&) {
        say("swallowed");
      }
    }};
  };
  run([&] {
    auto g = numbers();
    for (int i : g) {
      if (i == 2) break;
    }
    say("left", *g.next());
    std::string error = error_of([&] { g.close(); });
    say(error, now());
    say(error_of([&] { g.close(); }));
    say(g.next() ? "something" : "nothing");
    for (int i : g) say("never", i);

    g = numbers();
    error = error_of([&] { g.close(); });
    say(error, g.next() ? "something" : "nothing");

    g = stubborn();
    say(*g.next());
    say(error_of([&] { g.close(); }));
    say(*g.next());

    g = swallows();
    say(*g.next());
    say(error_of([&] { g.close(); }));
  });
}
