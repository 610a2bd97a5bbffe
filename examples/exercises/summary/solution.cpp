// SPDX-License-Identifier: BSL-1.0
// All newsrooms are asked at once, and each is given two seconds.
#include <nakh/nakh.hpp>

#include <chrono>
#include <cstddef>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

// [given]
struct newsroom {
  std::string name;
  std::chrono::seconds answers_after;
  std::string headline;
};

std::string ask(const newsroom& n) {
  nakh::sleep(n.answers_after);
  return n.headline;
}
// [given]

// [solution]
std::string ask_in_time(const newsroom& n) {
  try {
    return nakh::wait_for([&] { return ask(n); }, 2s);
  } catch (const nakh::timeout_error&) {
    return "(no answer)";
  }
}

nakh::generator<std::string> front_page(std::vector<newsroom> newsrooms) {
  return {[newsrooms = std::move(newsrooms)](auto& yield) {
    std::vector<nakh::task<std::string>> asked;
    for (const newsroom& n : newsrooms) asked.push_back(nakh::async(ask_in_time, n));
    for (std::size_t i = 0; i < asked.size(); ++i)
      yield(newsrooms[i].name + ": " + nakh::await(asked[i]));
  }};
}
// [solution]

int main() {
  nakh::run([] {
    const auto start = nakh::clock::now();
    for (const std::string& line : front_page({{"Tehran", 1s, "first snow"},
                                               {"Bushehr", 9s, "calm sea"},
                                               {"Rasht", 1s, "rain again"}})) {
      const auto at =
          std::chrono::round<std::chrono::seconds>(nakh::clock::now() - start);
      std::cout << at.count() << " s: " << line << '\n';
    }
  });
}
