// SPDX-License-Identifier: BSL-1.0
// A chain of stages, each of which may wait: readings come in, are filtered, and are turned into words.
#include <nakh/nakh.hpp>

#include <iostream>
#include <string>

using namespace std::chrono_literals;

// [main]
nakh::generator<int> readings() {
  return {[](auto& yield) {
    for (int degrees : {18, 35, 21, 40}) {
      nakh::sleep(1s);  // as if from a sensor
      yield(degrees);
    }
  }};
}

bool is_hot(int degrees) { return degrees > 30; }

std::string warning(int degrees) {
  nakh::sleep(500ms);  // as if looked up somewhere
  return "warning: " + std::to_string(degrees) + " degrees";
}

int main() {
  nakh::run([] {
    for (const std::string& text :
         readings() | nakh::filter(is_hot) | nakh::transform(warning)) {
      std::cout << text << '\n';
    }
    std::cout << "all read\n";
  });
}
// [main]
