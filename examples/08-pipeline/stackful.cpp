// SPDX-License-Identifier: BSL-1.0
// A chain of stages, each of which may wait: readings come in, are filtered, and are turned into words.
#include <nakh/nakh.hpp>

#include <iostream>

using namespace std::chrono_literals;

// [main]
// A stage is an ordinary function that calls the next one; any of them may wait in the middle.
void readings(const auto& next) {
  for (int degrees : {18, 35, 21, 40}) {
    nakh::sleep(1s);  // as if from a sensor
    next(degrees);
  }
}

auto hot_ones(auto next) {
  return [next](int degrees) {
    if (degrees > 30) next(degrees);
  };
}

int main() {
  nakh::run([] {
    readings(hot_ones([](int degrees) {
      nakh::sleep(500ms);  // as if to a slow display
      std::cout << "warning: " << degrees << " degrees\n";
    }));
    std::cout << "all read\n";
  });
}
// [main]
