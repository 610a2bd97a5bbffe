// SPDX-License-Identifier: BSL-1.0
// A function that pauses once a round, and still knows in which round it is.
#include <nakh/nakh.hpp>

#include <chrono>
#include <iostream>
#include <string>

using namespace std::chrono_literals;

// [given]
void say(const std::string& text) {
  static const auto start = nakh::clock::now();
  std::cout
      << std::chrono::round<std::chrono::seconds>(nakh::clock::now() - start).count()
      << " s: " << text << '\n';
}
// [given]

// [solution]
void count_down(int from) {
  for (int left = from; left > 0; --left) {
    say(std::to_string(left));
    nakh::sleep(1s);
  }
  say("lift-off");
}
// [solution]

int main() {
  nakh::run([] { count_down(3); });
}
