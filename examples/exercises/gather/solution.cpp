// SPDX-License-Identifier: BSL-1.0
// Three weather stations are read at once; one is broken, and still every line of the report is right.
#include <nakh/nakh.hpp>

#include <cstddef>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

using namespace std::chrono_literals;

// [given]
struct station {
  std::string name;
  std::chrono::seconds answers_after;
  bool broken;
  int degrees;
};

int measure(const station& s) {
  nakh::sleep(s.answers_after);
  if (s.broken) throw std::runtime_error("no answer");
  return s.degrees;
}
// [given]

// [solution]
void report(const std::vector<station>& stations) {
  const auto start = nakh::clock::now();
  std::vector<nakh::task<int>> measuring;
  for (const station& s : stations) measuring.push_back(nakh::async(measure, s));
  auto outcomes = nakh::gather(nakh::return_exceptions, measuring);
  for (std::size_t i = 0; i < stations.size(); ++i) {
    std::cout << stations[i].name << ": ";
    try {
      std::cout << outcomes[i].value() << " degrees\n";
    } catch (const std::runtime_error& error) {
      std::cout << error.what() << '\n';
    }
  }
  const auto took =
      std::chrono::round<std::chrono::seconds>(nakh::clock::now() - start);
  std::cout << "took " << took.count() << " s\n";
}
// [solution]

int main() {
  const std::vector<station> stations = {
      {"Tabriz", 3s, false, 11}, {"Yazd", 1s, true, 0}, {"Rasht", 2s, false, 19}};
  nakh::run([&] { report(stations); });
}
