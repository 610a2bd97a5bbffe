// SPDX-License-Identifier: BSL-1.0
#include "stackless_trace.hpp"

#include <optional>

namespace trace::generator_chain {

sl::generator<int> source(int n, bool fails) {
  for (int i = 0; i < n; ++i) {
    co_await sl::sleep(1s);
    say("make", i, now());
    co_yield i;
  }
  if (fails) throw std::invalid_argument("");
  say("source ends");
}

sl::generator<int> doubled(sl::generator<int> items) {
  while (const auto i = co_await items.next()) {
    say("double", *i);
    co_yield 2 * *i;
  }
  say("doubled ends");
}

sl::generator<int> pairs(sl::generator<int> items) {
  std::optional<int> first;
  while (const auto i = co_await items.next()) {
    if (!first) {
      first = *i;
    } else {
      say("pair", *first, *i);
      co_yield *first + *i;
      first.reset();
    }
  }
  say("pairs ends", first ? word(*first) : "None");
}

sl::task<> take_all(sl::generator<int> items, int pause) {
  while (const auto i = co_await items.next()) {
    say("take", *i, now());
    if (pause > 0) co_await sl::sleep(std::chrono::seconds(pause));
  }
}

sl::task<> program() {
  co_await take_all(pairs(doubled(source(5, false))), 10);
  const auto error = co_await thrown_by(take_all(pairs(doubled(source(3, true))), 0));
  say(error, now());
}

}  // namespace trace::generator_chain

TRACE(generator_chain) { sl::run(trace::generator_chain::program()); }
