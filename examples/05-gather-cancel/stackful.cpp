// SPDX-License-Identifier: BSL-1.0
// A timeout around a gather cancels every job that has not finished.
#include <nakh/nakh.hpp>

#include <iostream>
#include <string>

using namespace std::chrono_literals;

// [cancel]
void pack(std::string what, nakh::delay time) {
  try {
    nakh::sleep(time);
    std::cout << what << " packed\n";
  } catch (const nakh::cancelled_error&) {
    std::cout << what << " put back\n";
    throw;  // a cancellation is passed on
  }
}

void pack_all() {
  nakh::gather([] { pack("books", 1s); }, [] { pack("lamp", 5s); },
               [] { pack("mirror", 9s); });
}

int main() {
  nakh::run([] {
    try {
      nakh::wait_for(pack_all, 2s);
    } catch (const nakh::timeout_error&) {
      std::cout << "out of time\n";
    }
  });
}
// [cancel]
