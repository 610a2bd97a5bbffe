// SPDX-License-Identifier: BSL-1.0
// A counter that makes its numbers one at a time and waits between them; another one gets its turns meanwhile.
#include <nakh/stackless.hpp>

#include <chrono>
#include <iostream>
#include <string>

using namespace std::chrono_literals;

// [main]
namespace sl = nakh::stackless;

sl::generator<int> counter(int last, std::chrono::seconds pause) {
  for (int number = 0; number < last; ++number) {
    co_yield number;
    co_await sl::sleep(pause);
  }
}

sl::task<> show(std::string name, sl::generator<int> numbers) {
  while (auto number = co_await numbers.next())
    std::cout << name << ' ' << *number << '\n';
}

sl::task<> show_both() {
  co_await sl::gather(show("tick", counter(3, 2s)), show("drip", counter(3, 3s)));
}

int main() { sl::run(show_both()); }
// [main]
