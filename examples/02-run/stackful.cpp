// SPDX-License-Identifier: BSL-1.0
// Running it: run makes a loop, works until the function has returned, and hands over its result.
#include <nakh/nakh.hpp>

#include <cstddef>
#include <iostream>
#include <string>

using namespace std::chrono_literals;

// [main]
std::size_t greet(std::string name) {
  std::cout << "hello, " << name << '\n';
  nakh::sleep(1s);
  std::cout << "goodbye, " << name << '\n';
  return name.size();
}

int main() {
  auto letters = nakh::run([] { return greet("Roya"); });
  std::cout << letters << " letters\n";
}
// [main]
