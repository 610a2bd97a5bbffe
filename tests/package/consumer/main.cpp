// SPDX-License-Identifier: BSL-1.0
#include <nakh/nakh.hpp>

#include <chrono>
#include <iostream>
#include <string>

using namespace std::chrono_literals;

std::string greet(const std::string& whom, std::chrono::milliseconds after) {
  nakh::sleep(after);
  return "salam, " + whom;
}

int main() {
  const auto [first, second] =
      nakh::run([] { return nakh::gather([] { return greet("yarn", 2ms); }, [] { return greet("fiber", 1ms); }); });
  std::cout << first << '\n' << second << '\n';
  return first == "salam, yarn" && second == "salam, fiber" ? 0 : 1;
}
