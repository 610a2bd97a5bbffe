// SPDX-License-Identifier: BSL-1.0
// Two tasks wait inside a catch at the same time, and each throws its own error on.
#include <nakh/nakh.hpp>

#include <chrono>
#include <iostream>
#include <stdexcept>
#include <string>
#include <tuple>

using namespace std::chrono_literals;

// [main]
void report(const std::string& error) {
  nakh::sleep(1s);  // over the network, say
  std::cout << "reported: " << error << '\n';
}

void job(const std::string& name) {
  try {
    throw std::runtime_error(name + " failed");
  } catch (const std::runtime_error& error) {
    report(error.what());
    throw;
  }
}

int main() {
  nakh::run([] {
    const auto results = nakh::gather(
        nakh::return_exceptions, [] { job("first"); }, [] { job("second"); });
    std::cout << nakh::describe(std::get<0>(results).error()) << '\n';
    std::cout << nakh::describe(std::get<1>(results).error()) << '\n';
  });
}
// [main]
