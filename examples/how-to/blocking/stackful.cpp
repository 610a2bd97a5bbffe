// SPDX-License-Identifier: BSL-1.0
// A function that computes for long runs in another thread; the loop goes on meanwhile.
#include <nakh/nakh.hpp>

#include <cstdint>
#include <iostream>
#include <thread>

// [main]
std::uint64_t count_primes(std::uint64_t below) {
  std::uint64_t count = 0;
  for (std::uint64_t n = 2; n < below; ++n) {
    bool prime = true;
    for (std::uint64_t d = 2; prime && d * d <= n; ++d) prime = n % d != 0;
    if (prime) ++count;
  }
  return count;
}

int main() {
  nakh::run([] {
    const auto here = std::this_thread::get_id();
    const auto [few, many] =
        nakh::gather([] { return nakh::to_thread(count_primes, 1'000); },
                     [] { return nakh::to_thread(count_primes, 100'000); });
    std::cout << few << " and " << many << " primes\n";
    const bool elsewhere =
        nakh::to_thread([here] { return std::this_thread::get_id() != here; });
    std::cout << (elsewhere ? "counted in another thread\n" : "counted here\n");
  });
}
// [main]
