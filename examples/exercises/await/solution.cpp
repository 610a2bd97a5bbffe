// SPDX-License-Identifier: BSL-1.0
// The kettle is on while bread and eggs are seen to; the tea has to wait for its water.
#include <nakh/nakh.hpp>

#include <chrono>
#include <iostream>
#include <string>

using namespace std::chrono_literals;

// [given]
void prepare(std::string what, std::chrono::seconds time) {
  nakh::sleep(time);
  std::cout << what << " ready\n";
}
// [given]

// [solution]
void breakfast() {
  auto water = nakh::async(prepare, "water", 4s);
  prepare("bread", 2s);
  prepare("eggs", 1s);
  nakh::await(water);
  prepare("tea", 1s);
}
// [solution]

int main() {
  nakh::run([] {
    const auto start = nakh::clock::now();
    breakfast();
    const auto took =
        std::chrono::round<std::chrono::seconds>(nakh::clock::now() - start);
    std::cout << "breakfast after " << took.count() << " s\n";
  });
}
