// SPDX-License-Identifier: BSL-1.0
// A standard algorithm whose callback waits. Neither std::sort nor std::find_if knows.
#include <nakh/nakh.hpp>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <vector>

using namespace std::chrono_literals;

// [main]
bool lighter(int a, int b) {
  nakh::sleep(1s);  // a weighing takes its time
  return a < b;
}

void sort_stones() {
  std::vector<int> stones = {5, 2, 9, 4};
  std::sort(stones.begin(), stones.end(), lighter);
  std::cout << "sorted:";
  for (int stone : stones) std::cout << ' ' << stone;
  const auto start = nakh::clock::now();
  const auto heavy = std::find_if(stones.begin(), stones.end(),
                                  [](int stone) { return lighter(4, stone); });
  const auto took =
      std::chrono::round<std::chrono::seconds>(nakh::clock::now() - start);
  std::cout << "\nthe first above 4 kg: " << *heavy << ", found in " << took.count()
            << " s\n";
}

void boil_water() {
  nakh::sleep(2500ms);
  std::cout << "the water boils\n";
}

int main() {
  nakh::run([] { nakh::gather(sort_stones, boil_water); });
}
// [main]
