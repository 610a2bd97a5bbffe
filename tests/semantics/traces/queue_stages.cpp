// SPDX-License-Identifier: BSL-1.0
// Rows: T-pipe-02
#include "trace.hpp"

#include <optional>
#include <tuple>

TRACE(queue_stages) {
  run([] {
    using items = queue<std::optional<int>>;  // none: the end
    const auto source = [](items& out) {
      for (int i = 0; i < 5; ++i) {
        out.put(i);
        say("source", i, now());
      }
      out.put(std::nullopt);
    };
    const auto stage = [](const char* name, int (*f)(int), int pause, items& into, items& out) {
      while (const auto item = into.get()) {
        sleep(std::chrono::seconds(pause));
        out.put(f(*item));
        say(name, *item, now());
      }
      out.put(std::nullopt);
    };
    const auto sink = [](items& into) {
      int total = 0;
      while (const auto item = into.get()) {
        say("sink", *item, now());
        total += *item;
      }
      return total;
    };
    items first(1);
    items second(1);
    items third(1);
    const auto all = gather([&] { source(first); }, [&] { stage("double", [](int i) { return 2 * i; }, 1, first, second); },
                            [&] { stage("add", [](int i) { return i + 1; }, 2, second, third); }, [&] { return sink(third); });
    say(std::get<3>(all), now(), first.empty() && second.empty() && third.empty());
  });
}
