// SPDX-License-Identifier: BSL-1.0
// 100,000 tasks that sleep at the same time, each a coroutine in a frame of some hundred bytes.
#include <nakh/stackless.hpp>

#include <chrono>
#include <iostream>
#include <numeric>
#include <vector>

// [main]
namespace sl = nakh::stackless;

sl::task<int> nap(int seconds) {
  co_await sl::sleep(std::chrono::seconds(seconds));
  co_return seconds;
}

sl::task<> sleep_all() {
  const auto start = nakh::clock::now();
  std::vector<nakh::task<int>> sleepers;
  for (int i = 0; i < 100'000; ++i) sleepers.push_back(sl::spawn(nap(1 + i % 10)));
  const std::vector<int> slept = co_await sl::gather(sleepers);
  const auto took =
      std::chrono::round<std::chrono::seconds>(nakh::clock::now() - start);
  std::cout << slept.size() << " sleepers slept "
            << std::accumulate(slept.begin(), slept.end(), 0) << " s in "
            << took.count() << " s\n";
}

int main() { sl::run(sleep_all()); }
// [main]
