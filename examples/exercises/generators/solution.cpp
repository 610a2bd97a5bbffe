// SPDX-License-Identifier: BSL-1.0
// A generator that reads another one: of its readings it passes on those that beat all before.
#include <nakh/nakh.hpp>

#include <chrono>
#include <iostream>
#include <optional>
#include <utility>

using namespace std::chrono_literals;

// [given]
nakh::generator<int> readings() {
  return {[](auto& yield) {
    for (int degrees : {21, 18, 24, 24, 19, 30}) {
      nakh::sleep(1s);
      yield(degrees);
    }
  }};
}
// [given]

// [solution]
nakh::generator<int> records(nakh::generator<int> source) {
  return {[source = std::move(source)](auto& yield) mutable {
    std::optional<int> best;
    for (int degrees : source) {
      if (best && degrees <= *best) continue;
      best = degrees;
      yield(degrees);
    }
  }};
}
// [solution]

int main() {
  nakh::run([] {
    const auto start = nakh::clock::now();
    for (int degrees : records(readings())) {
      const auto at =
          std::chrono::round<std::chrono::seconds>(nakh::clock::now() - start);
      std::cout << at.count() << " s: " << degrees << " degrees, a record\n";
    }
  });
}
