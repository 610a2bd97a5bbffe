// SPDX-License-Identifier: BSL-1.0
// Awaiting: a call takes its turn, a fiber runs on beside it.
#include <boost/fiber/all.hpp>

#include <chrono>
#include <iostream>
#include <string>

using namespace std::chrono_literals;

// [main]
constexpr auto second = 100ms;  // here time is always real

std::string bake(std::string what, int seconds) {
  std::cout << what << " in the oven\n";
  boost::this_fiber::sleep_for(seconds * second);
  std::cout << what << " out of the oven\n";
  return what;
}

int main() {
  const auto start = std::chrono::steady_clock::now();
  const auto seconds = [&] {
    return (std::chrono::steady_clock::now() - start) / second;
  };
  auto cake = boost::fibers::async(bake, "cake", 2);  // begins when this fiber waits
  auto bread = bake("bread", 1);                      // begins here and now
  std::cout << bread << " after " << seconds() << " s\n";
  const auto last = cake.get();
  std::cout << last << " after " << seconds() << " s\n";
}
// [main]
