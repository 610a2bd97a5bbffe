// SPDX-License-Identifier: BSL-1.0
// 100,000 tasks that sleep at the same time, each an ordinary function on a stack of its own.
#include <nakh/nakh.hpp>

#include <chrono>
#include <iostream>
#include <numeric>
#include <vector>

// [main]
int nap(int seconds) {
  nakh::sleep(std::chrono::seconds(seconds));
  return seconds;
}

int main() {
  nakh::run([] {
    const auto start = nakh::clock::now();
    std::vector<nakh::task<int>> sleepers;
    for (int i = 0; i < 100'000; ++i) sleepers.push_back(nakh::async(nap, 1 + i % 10));
    const std::vector<int> slept = nakh::gather(sleepers);
    const auto took =
        std::chrono::round<std::chrono::seconds>(nakh::clock::now() - start);
    std::cout << slept.size() << " sleepers slept "
              << std::accumulate(slept.begin(), slept.end(), 0) << " s in "
              << took.count() << " s\n";
  });
}
// [main]
