// SPDX-License-Identifier: BSL-1.0
// A chain of stages, each of which may wait: readings come in, are filtered, and are turned into words.
#include <nakh/stackless.hpp>

#include <array>
#include <iostream>
#include <string>

using namespace std::chrono_literals;

// [main]
namespace sl = nakh::stackless;

constexpr std::array measured = {18, 35, 21, 40};

sl::generator<int> readings() {
  for (int degrees : measured) {
    co_await sl::sleep(1s);  // as if from a sensor
    co_yield degrees;
  }
}

sl::generator<int> hot_ones(sl::generator<int> source) {
  while (auto degrees = co_await source.next()) {
    if (*degrees > 30) co_yield *degrees;
  }
}

sl::generator<std::string> warnings(sl::generator<int> source) {
  while (auto degrees = co_await source.next()) {
    co_await sl::sleep(500ms);  // as if looked up somewhere
    co_yield "warning: " + std::to_string(*degrees) + " degrees";
  }
}

sl::task<> warn() {
  auto texts = warnings(hot_ones(readings()));
  while (auto text = co_await texts.next()) std::cout << *text << '\n';
  std::cout << "all read\n";
}

int main() { sl::run(warn()); }
// [main]
