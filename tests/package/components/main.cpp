// SPDX-License-Identifier: BSL-1.0
#include <nakh/asio.hpp>
#include <nakh/boost_fiber.hpp>
#include <nakh/nakh.hpp>

#include <boost/asio/steady_timer.hpp>
#include <boost/fiber/all.hpp>
#include <chrono>
#include <iostream>

using namespace std::chrono_literals;

int main() {
  int sum = 0;
  nakh::boost_fiber::run([&] {
    boost::fibers::fiber first([&] {
      boost::asio::steady_timer timer(nakh::get_executor(), 1ms);
      timer.async_wait(nakh::use_fiber);
      sum += 1;
    });
    boost::fibers::fiber second([&] {
      nakh::sleep(1ms);
      sum += 2;
    });
    first.join();
    second.join();
  });
  std::cout << sum << '\n';
  return sum == 3 ? 0 : 1;
}
