// SPDX-License-Identifier: BSL-1.0
// Rows: T-agen-07 T-agen-09
#include "trace.hpp"

#include <optional>
#include <utility>

TRACE(generator_chain) {
  const auto source = [](int n, bool fails) -> generator<int> {
    return {[n, fails](auto& yield) {
      for (int i = 0; i < n; ++i) {
        sleep(1s);
        say("make", i, now());
        yield(i);
      }
      if (fails) throw std::invalid_argument("");
      say("source ends");
    }};
  };
  const auto doubled = [](generator<int> items) -> generator<int> {
    return {[items = std::move(items)](auto& yield) mutable {
      for (int i : items) {
        say("double", i);
        yield(2 * i);
      }
      say("doubled ends");
    }};
  };
  const auto pairs = [](generator<int> items) -> generator<int> {
    return {[items = std::move(items)](auto& yield) mutable {
      std::optional<int> first;
      for (int i : items) {
        if (!first) {
          first = i;
        } else {
          say("pair", *first, i);
          yield(*first + i);
          first.reset();
        }
      }
      say("pairs ends", first ? std::to_string(*first) : "None");
    }};
  };
  run([&] {
    for (int i : pairs(doubled(source(5, false)))) {
      say("take", i, now());
      sleep(10s);
    }

    const auto read = [&] {
      for (int i : pairs(doubled(source(3, true)))) say("take", i, now());
    };
    const std::string error = error_of(read);
    say(error, now());
  });
}
