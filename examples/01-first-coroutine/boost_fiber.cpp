// SPDX-License-Identifier: BSL-1.0
// A function that pauses in the middle and goes on later.
#include <boost/fiber/all.hpp>

#include <iostream>

using namespace std::chrono_literals;

// [main]
constexpr auto second = 10ms;  // here time is always real

void brew() {
  std::cout << "water on\n";
  boost::this_fiber::sleep_for(
      second);  // the function stops here, the program does not
  std::cout << "tea ready\n";
}

int main() { boost::fibers::fiber(brew).join(); }
// [main]
