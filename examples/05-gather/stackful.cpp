// SPDX-License-Identifier: BSL-1.0
// Several jobs at once: they end in their own order, the results stand in the order of the arguments.
#include <nakh/nakh.hpp>

#include <chrono>
#include <iostream>
#include <string>

using namespace std::chrono_literals;

// [main]
int job(std::string name, int seconds) {
  nakh::sleep(std::chrono::seconds(seconds));
  std::cout << name << " done\n";
  return seconds;
}

int main() {
  nakh::run([] {
    auto [slow, quick, middling] =
        nakh::gather(nakh::async(job, "slow", 3), nakh::async(job, "quick", 1),
                     nakh::async(job, "middling", 2));
    std::cout << "results: " << slow << ' ' << quick << ' ' << middling << '\n';
  });
}
// [main]
