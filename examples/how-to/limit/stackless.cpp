// SPDX-License-Identifier: BSL-1.0
// Six pages are fetched, never more than two at the same time.
#include <nakh/nakh.hpp>
#include <nakh/stackless.hpp>

#include <chrono>
#include <iostream>
#include <vector>

using namespace std::chrono_literals;

// [main]
namespace sl = nakh::stackless;

sl::task<int> fetch(nakh::semaphore& places, int page) {
  const auto place = co_await sl::hold(places);
  co_await sl::sleep(1s);
  co_return 10 * page;
}

sl::task<> start() {
  const auto start = nakh::clock::now();
  nakh::semaphore places(2);
  std::vector<nakh::task<int>> pages;
  for (int page = 1; page <= 6; ++page) pages.push_back(sl::spawn(fetch(places, page)));
  for (const int size : co_await sl::gather(pages)) std::cout << size << ' ';
  const auto took =
      std::chrono::round<std::chrono::seconds>(nakh::clock::now() - start);
  std::cout << "in " << took.count() << " s\n";
}

int main() { nakh::run(start()); }
// [main]
