// SPDX-License-Identifier: BSL-1.0
// A chain of stages, each of which may wait: readings come in, are filtered, and are turned into words.
#include <boost/fiber/all.hpp>

#include <iostream>
#include <string>

using namespace std::chrono_literals;

// [main]
constexpr auto second = 20ms;  // here time is always real
template <class T>
using channel = boost::fibers::unbuffered_channel<T>;

void readings(channel<int>& out) {
  for (int degrees : {18, 35, 21, 40}) {
    boost::this_fiber::sleep_for(second);  // as if from a sensor
    out.push(degrees);
  }
  out.close();
}

void hot_ones(channel<int>& in, channel<int>& out) {
  for (int degrees : in) {
    if (degrees > 30) out.push(degrees);
  }
  out.close();
}

void warnings(channel<int>& in, channel<std::string>& out) {
  for (int degrees : in) {
    boost::this_fiber::sleep_for(second / 2);  // as if looked up somewhere
    out.push("warning: " + std::to_string(degrees) + " degrees");
  }
  out.close();
}

int main() {
  channel<int> all;
  channel<int> hot;
  channel<std::string> texts;
  boost::fibers::fiber reads(readings, std::ref(all));
  boost::fibers::fiber filters(hot_ones, std::ref(all), std::ref(hot));
  boost::fibers::fiber warns(warnings, std::ref(hot), std::ref(texts));
  // Not by the channel's iterator: Boost 1.81's destroys each string twice.
  for (std::string text; texts.pop(text) == boost::fibers::channel_op_status::success;)
    std::cout << text << '\n';
  std::cout << "all read\n";
  for (auto* stage : {&reads, &filters, &warns}) stage->join();
}
// [main]
