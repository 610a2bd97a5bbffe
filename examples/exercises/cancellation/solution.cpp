// SPDX-License-Identifier: BSL-1.0
// Mirrors are tried one after the other, each for two seconds at most.
#include <nakh/nakh.hpp>

#include <chrono>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

using namespace std::chrono_literals;

// [given]
struct mirror {
  std::string name;
  std::chrono::seconds answers_after;
  bool broken;
};

std::string fetch(const mirror& m) {
  nakh::sleep(m.answers_after);
  if (m.broken) throw std::runtime_error("connection refused");
  return "the file, from " + m.name;
}
// [given]

// [solution]
std::string fetch_from_any(const std::vector<mirror>& mirrors) {
  for (const mirror& m : mirrors) {
    try {
      return nakh::wait_for([&] { return fetch(m); }, 2s);
    } catch (const nakh::timeout_error&) {
      std::cout << m.name << ": too slow\n";
    } catch (const std::runtime_error& error) {
      std::cout << m.name << ": " << error.what() << '\n';
    }
  }
  throw std::runtime_error("no mirror is left");
}
// [solution]

int main() {
  nakh::run([] {
    const std::vector<mirror> mirrors = {{"Shiraz", 60s, false},
                                         {"Tabriz", 1s, true},
                                         {"Rasht", 1s, false},
                                         {"Yazd", 0s, false}};
    const auto start = nakh::clock::now();
    std::cout << fetch_from_any(mirrors) << '\n';
    const auto took =
        std::chrono::round<std::chrono::seconds>(nakh::clock::now() - start);
    std::cout << "took " << took.count() << " s\n";
  });
}
