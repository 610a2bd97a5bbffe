// SPDX-License-Identifier: BSL-1.0
// The innermost function learns to wait; none of those above it is touched.
#include <nakh/nakh.hpp>

#include <chrono>
#include <iostream>
#include <string>

using namespace std::chrono_literals;

// [solution]
int degrees_in(const std::string& city) {
  nakh::sleep(2s);  // the only new line
  return city == "Yazd" ? 31 : 17;
}
// [solution]

// [given]
std::string line_about(const std::string& city) {
  return city + ": " + std::to_string(degrees_in(city)) + " degrees";
}

void report() {
  for (const char* city : {"Tabriz", "Yazd"}) std::cout << line_about(city) << '\n';
}

void boil_water() {
  nakh::sleep(3s);
  std::cout << "the water boils\n";
}

int main() {
  nakh::run([] { nakh::gather(report, boil_water); });
}
// [given]
