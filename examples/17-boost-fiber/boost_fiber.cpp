// SPDX-License-Identifier: BSL-1.0
// A program on Boost.Fiber: three readers share the work of asking six thermometers. It has no sockets, so they are made up.
#include <boost/fiber/all.hpp>

#include <chrono>
#include <iostream>
#include <map>
#include <string>
#include <vector>

using namespace std::chrono_literals;

// [main]
std::map<int, std::string> degrees;

std::string ask(int thermometer) {
  boost::this_fiber::sleep_for(1ms * thermometer);
  return std::to_string(17 + thermometer) + " degrees";
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

int main() { measure(); }
// [main]
