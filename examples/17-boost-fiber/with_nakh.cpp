// SPDX-License-Identifier: BSL-1.0
// A program on Boost.Fiber: three readers share the work of asking six thermometers. By Nakh it has TCP, and limits on time.
#include <boost/fiber/all.hpp>
#include <nakh/boost_fiber.hpp>
#include "thermometers.hpp"

#include <chrono>
#include <iostream>
#include <map>
#include <string>
#include <vector>

using namespace std::chrono_literals;

// [main]
std::map<int, std::string> degrees;

std::string ask(int thermometer) try {
  auto connection = nakh::net::open_connection(thermometers_at());
  connection.write(std::to_string(thermometer) + "\n");
  return nakh::timeout(1s, [&] { return connection.read_line(); });
} catch (const nakh::timeout_error&) {
  return "no answer";
}

void read(boost::fibers::buffered_channel<int>& wanted) {
  for (const int thermometer : wanted) degrees[thermometer] = ask(thermometer);
}

void measure() {
  boost::fibers::buffered_channel<int> wanted(4);
  std::vector<boost::fibers::fiber> readers;
  for (int i = 0; i < 3; ++i) readers.emplace_back([&wanted] { read(wanted); });
  for (int thermometer = 1; thermometer <= 6; ++thermometer) wanted.push(thermometer);
  wanted.close();
  for (boost::fibers::fiber& reader : readers) reader.join();
  for (const auto& [thermometer, text] : degrees)
    std::cout << "thermometer " << thermometer << ": " << text << '\n';
}

int main() { nakh::boost_fiber::run(measure); }
// [main]
