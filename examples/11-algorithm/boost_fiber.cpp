// SPDX-License-Identifier: BSL-1.0
// A standard algorithm whose callback waits. Neither std::sort nor std::find_if knows.
#include <boost/fiber/all.hpp>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <vector>

using namespace std::chrono_literals;

// [main]
constexpr std::chrono::nanoseconds second = 100ms;  // here time is always real

bool lighter(int a, int b) {
  boost::this_fiber::sleep_for(second);  // a weighing takes its time
  return a < b;
}

void sort_stones() {
  std::vector<int> stones = {5, 2, 9, 4};
  std::sort(stones.begin(), stones.end(), lighter);
  std::cout << "sorted:";
  for (int stone : stones) std::cout << ' ' << stone;
  const auto start = std::chrono::steady_clock::now();
  const auto heavy = std::find_if(stones.begin(), stones.end(),
                                  [](int stone) { return lighter(4, stone); });
  const auto took = (std::chrono::steady_clock::now() - start) / second;
  std::cout << "\nthe first above 4 kg: " << *heavy << ", found in " << took << " s\n";
}

void boil_water() {
  boost::this_fiber::sleep_for(second * 5 / 2);
  std::cout << "the water boils\n";
}

int main() {
  boost::fibers::fiber sorts(sort_stones);
  boost::fibers::fiber boils(boil_water);
  sorts.join();
  boils.join();
}
// [main]
