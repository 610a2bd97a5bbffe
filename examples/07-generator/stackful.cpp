// SPDX-License-Identifier: BSL-1.0
// A counter that makes its numbers one at a time and waits between them; another one gets its turns meanwhile.
#include <nakh/nakh.hpp>

#include <chrono>
#include <iostream>
#include <string>

using namespace std::chrono_literals;

// [main]
nakh::generator<int> counter(int last, std::chrono::seconds pause) {
  return {[last, pause](auto& yield) {
    for (int number = 0; number < last; ++number) {
      yield(number);
      nakh::sleep(pause);
    }
  }};
}

void show(std::string name, nakh::generator<int> numbers) {
  for (int number : numbers) std::cout << name << ' ' << number << '\n';
}

int main() {
  nakh::run([] {
    nakh::gather([] { show("tick", counter(3, 2s)); },
                 [] { show("drip", counter(3, 3s)); });
  });
}
// [main]
