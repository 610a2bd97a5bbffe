// SPDX-License-Identifier: BSL-1.0
// A function that pauses in the middle and goes on later.
#include <nakh/nakh.hpp>

#include <iostream>

using namespace std::chrono_literals;

// [main]
void brew() {
  std::cout << "water on\n";
  nakh::sleep(1s);  // the function stops here, the program does not
  std::cout << "tea ready\n";
}

int main() { nakh::run(brew); }
// [main]
