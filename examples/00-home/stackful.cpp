// SPDX-License-Identifier: BSL-1.0
// Tasks, a gather and a timeout, in ordinary functions.
#include <nakh/nakh.hpp>

#include <iostream>
#include <string>

using namespace std::chrono_literals;

// [program]
std::string fetch(std::string what, nakh::delay time) {
  nakh::sleep(time);  // this fiber waits, the others go on
  std::cout << what << " is here\n";
  return what;
}

int main() {
  nakh::run([] {
    auto [bread, tea] =
        nakh::gather(nakh::async(fetch, "bread", 2s), nakh::async(fetch, "tea", 1s));
    std::cout << bread << " and " << tea << ": breakfast\n";
    try {
      nakh::wait_for([] { fetch("saffron", 9s); }, 1s);
    } catch (const nakh::timeout_error&) {
      std::cout << "no saffron today\n";
    }
  });
}
// [program]
