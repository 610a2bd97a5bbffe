// SPDX-License-Identifier: BSL-1.0
// A counter that waits between its numbers, and something else that gets its turns meanwhile.
#include <nakh/nakh.hpp>

#include <chrono>
#include <iostream>
#include <string>

using namespace std::chrono_literals;

// [main]
void counter(std::string name, std::chrono::seconds pause) {
  for (int number = 0; number < 3; ++number) {
    std::cout << name << ' ' << number << '\n';
    nakh::sleep(pause);
  }
}

int main() {
  nakh::run([] { nakh::gather([] { counter("tick", 2s); }, [] { counter("drip", 3s); }); });
}
// [main]
