// SPDX-License-Identifier: BSL-1.0
// A stage that looks three things up at the same time, and still hands them on in order.
#include <nakh/nakh.hpp>

#include <chrono>
#include <iostream>
#include <string>

using namespace std::chrono_literals;

// [given]
nakh::generator<int> orders() {
  return {[](auto& yield) {
    for (int number = 1; number <= 6; ++number) yield(number);
  }};
}

std::string look_up(int number) {
  nakh::sleep(number == 1 ? 3s : 2s);  // the first takes longest
  return "order " + std::to_string(number);
}
// [given]

// [solution]
void show_all() {
  for (const std::string& text :
       orders() | nakh::transform(look_up, {.concurrency = 3}))
    std::cout << text << '\n';
}
// [solution]

int main() {
  nakh::run([] {
    const auto start = nakh::clock::now();
    show_all();
    const auto took =
        std::chrono::round<std::chrono::seconds>(nakh::clock::now() - start);
    std::cout << "took " << took.count() << " s\n";
  });
}
