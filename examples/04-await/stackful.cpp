// SPDX-License-Identifier: BSL-1.0
// Awaiting: a call takes its turn, a task runs on beside it.
#include <nakh/nakh.hpp>

#include <chrono>
#include <iostream>
#include <string>

using namespace std::chrono_literals;

// [main]
std::string bake(std::string what, std::chrono::seconds time) {
  std::cout << what << " in the oven\n";
  nakh::sleep(time);
  std::cout << what << " out of the oven\n";
  return what;
}

int main() {
  nakh::run([] {
    const auto start = nakh::clock::now();
    const auto seconds = [&] {
      return std::chrono::round<std::chrono::seconds>(nakh::clock::now() - start)
          .count();
    };
    auto cake = nakh::async(bake, "cake", 2s);  // begins when this task waits
    auto bread = bake("bread", 1s);             // begins here and now
    std::cout << bread << " after " << seconds() << " s\n";
    const auto last = nakh::await(cake);
    std::cout << last << " after " << seconds() << " s\n";
  });
}
// [main]
