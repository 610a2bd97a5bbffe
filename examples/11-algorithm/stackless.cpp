// SPDX-License-Identifier: BSL-1.0
// What takes the place of a standard algorithm whose callback would wait: the algorithms, written again as coroutines.
#include <nakh/stackless.hpp>

#include <chrono>
#include <cstddef>
#include <iostream>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

// [main]
namespace sl = nakh::stackless;

sl::task<bool> lighter(int a, int b) {
  co_await sl::sleep(1s);  // a weighing takes its time
  co_return a < b;
}

sl::task<> sort(std::vector<int>& stones) {  // std::sort cannot co_await its comparison
  for (std::size_t end = 1; end < stones.size(); ++end) {
    for (std::size_t i = end; i > 0; --i) {
      if (!co_await lighter(stones[i], stones[i - 1])) break;
      std::swap(stones[i], stones[i - 1]);
    }
  }
}

sl::task<int> find_heavier(const std::vector<int>& stones,
                           int than) {  // nor std::find_if its predicate
  for (int stone : stones) {
    if (co_await lighter(than, stone)) co_return stone;
  }
  co_return 0;
}

sl::task<> sort_stones() {
  std::vector<int> stones = {5, 2, 9, 4};
  co_await sort(stones);
  std::cout << "sorted:";
  for (int stone : stones) std::cout << ' ' << stone;
  const auto start = nakh::clock::now();
  const int heavy = co_await find_heavier(stones, 4);
  const auto took =
      std::chrono::round<std::chrono::seconds>(nakh::clock::now() - start);
  std::cout << "\nthe first above 4 kg: " << heavy << ", found in " << took.count()
            << " s\n";
}

sl::task<> boil_water() {
  co_await sl::sleep(2500ms);
  std::cout << "the water boils\n";
}

sl::task<> work() { co_await sl::gather(sort_stones(), boil_water()); }

int main() { sl::run(work()); }
// [main]
