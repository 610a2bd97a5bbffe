// SPDX-License-Identifier: BSL-1.0
// One job of a gather fails: its error arrives at once, and the other jobs go on.
#include <nakh/nakh.hpp>

#include <iostream>
#include <stdexcept>
#include <string>

using namespace std::chrono_literals;

// [failure]
void pack(std::string what, nakh::delay time) {
  nakh::sleep(time);
  if (what == "glass") throw std::runtime_error("the glass broke");
  std::cout << what << " packed\n";
}

int main() {
  nakh::run([] {
    try {
      nakh::gather([] { pack("books", 1s); }, [] { pack("glass", 2s); },
                   [] { pack("lamp", 3s); });
    } catch (const std::runtime_error& error) {
      std::cout << "caught: " << error.what() << '\n';
    }
    nakh::sleep(2s);  // nobody cancelled the lamp
    std::cout << "done\n";
  });
}
// [failure]
