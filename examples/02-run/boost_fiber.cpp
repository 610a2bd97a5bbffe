// SPDX-License-Identifier: BSL-1.0
// Running it: a fiber works until the function has returned, and its future hands over the result.
#include <boost/fiber/all.hpp>

#include <cstddef>
#include <iostream>
#include <string>

using namespace std::chrono_literals;

// [main]
constexpr auto second = 10ms;  // here time is always real

std::size_t greet(std::string name) {
  std::cout << "hello, " << name << '\n';
  boost::this_fiber::sleep_for(second);
  std::cout << "goodbye, " << name << '\n';
  return name.size();
}

int main() {
  auto letters = boost::fibers::async(greet, "Roya").get();
  std::cout << letters << " letters\n";
}
// [main]
