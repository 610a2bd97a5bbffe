// SPDX-License-Identifier: BSL-1.0
// Running it: run makes a loop, works until the coroutine has returned, and hands over its result.
#include <nakh/stackless.hpp>

#include <cstddef>
#include <iostream>
#include <string>

using namespace std::chrono_literals;

// [main]
namespace sl = nakh::stackless;

sl::task<std::size_t> greet(std::string name) {
  std::cout << "hello, " << name << '\n';
  co_await sl::sleep(1s);
  std::cout << "goodbye, " << name << '\n';
  co_return name.size();
}

int main() {
  auto letters = sl::run(greet("Roya"));
  std::cout << letters << " letters\n";
}
// [main]
