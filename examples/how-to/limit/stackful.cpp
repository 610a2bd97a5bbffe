// SPDX-License-Identifier: BSL-1.0
// Six pages are fetched, never more than two at the same time.
#include <nakh/nakh.hpp>

#include <chrono>
#include <functional>
#include <iostream>
#include <mutex>
#include <vector>

using namespace std::chrono_literals;

// [main]
int fetch(nakh::semaphore& places, int page) {
  const std::scoped_lock place(places);
  nakh::sleep(1s);
  return 10 * page;
}

int main() {
  nakh::run([] {
    const auto start = nakh::clock::now();
    nakh::semaphore places(2);
    std::vector<nakh::task<int>> pages;
    for (int page = 1; page <= 6; ++page)
      pages.push_back(nakh::async(fetch, std::ref(places), page));
    for (const int size : nakh::gather(pages)) std::cout << size << ' ';
    const auto took =
        std::chrono::round<std::chrono::seconds>(nakh::clock::now() - start);
    std::cout << "in " << took.count() << " s\n";
  });
}
// [main]
