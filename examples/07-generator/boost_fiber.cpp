// SPDX-License-Identifier: BSL-1.0
// A counter that makes its numbers one at a time and waits between them; another one gets its turns meanwhile.
#include <boost/fiber/all.hpp>

#include <chrono>
#include <iostream>
#include <string>

using namespace std::chrono_literals;

// [main]
constexpr auto second = 20ms;  // here time is always real
using numbers = boost::fibers::unbuffered_channel<int>;

void count(numbers& out, int last, int pause) {
  for (int number = 0; number < last; ++number) {
    out.push(number);
    boost::this_fiber::sleep_for(pause * second);
  }
  out.close();
}

void show(std::string name, int last, int pause) {
  numbers in;
  boost::fibers::fiber counter(count, std::ref(in), last, pause);
  for (int number : in) std::cout << name << ' ' << number << '\n';
  counter.join();
}

int main() {
  boost::fibers::fiber tick(show, "tick", 3, 2);
  boost::fibers::fiber drip(show, "drip", 3, 3);
  tick.join();
  drip.join();
}
// [main]
