// SPDX-License-Identifier: BSL-1.0
#include <nakh/asio.hpp>
#include <nakh/boost_fiber.hpp>
#include <nakh/nakh.hpp>
#include <nakh/net.hpp>
#include <nakh/tls.hpp>

#include <boost/asio/steady_timer.hpp>
#include <boost/fiber/all.hpp>
#include <chrono>
#include <iostream>
#include <string>

using namespace std::chrono_literals;

int main() {
  int sum = 0;
  // [boost_fiber]
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
  // [boost_fiber]
  nakh::run([&] {
    const auto server = nakh::net::start_server([](nakh::net::stream& s) { s.write("4"); }, "127.0.0.1", 0);
    sum += std::stoi(nakh::net::open_connection(server.endpoints().front()).read_all());
  });
  static_cast<void>(nakh::tls::context::client());
  std::cout << sum << '\n';
  return sum == 7 ? 0 : 1;
}
