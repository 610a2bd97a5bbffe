// SPDX-License-Identifier: BSL-1.0
// Several jobs at once: they end in their own order, the results are asked for in the order of the futures.
#include <boost/fiber/all.hpp>

#include <chrono>
#include <iostream>
#include <string>

using namespace std::chrono_literals;

// [main]
constexpr auto second = 50ms;  // here time is always real

int job(std::string name, int seconds) {
  boost::this_fiber::sleep_for(seconds * second);
  std::cout << name << " done\n";
  return seconds;
}

int main() {
  auto slow = boost::fibers::async(job, "slow", 3);
  auto quick = boost::fibers::async(job, "quick", 1);
  auto middling = boost::fibers::async(job, "middling", 2);
  const int first = slow.get();  // the others go on meanwhile
  std::cout << "results: " << first << ' ' << quick.get() << ' ' << middling.get()
            << '\n';
}
// [main]
