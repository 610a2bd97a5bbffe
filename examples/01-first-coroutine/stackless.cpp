// SPDX-License-Identifier: BSL-1.0
// A function that pauses in the middle and goes on later.
#include <nakh/stackless.hpp>

#include <iostream>

using namespace std::chrono_literals;

// [main]
namespace sl = nakh::stackless;

sl::task<> brew() {
  std::cout << "water on\n";
  co_await sl::sleep(1s);  // the function stops here, the program does not
  std::cout << "tea ready\n";
}

int main() { sl::run(brew()); }
// [main]
