// SPDX-License-Identifier: BSL-1.0
// Several jobs at once: they end in their own order, the results stand in the order of the arguments.
#include <nakh/stackless.hpp>

#include <chrono>
#include <iostream>
#include <string>

// [main]
namespace sl = nakh::stackless;

sl::task<int> job(std::string name, int seconds) {
  co_await sl::sleep(std::chrono::seconds(seconds));
  std::cout << name << " done\n";
  co_return seconds;
}

sl::task<> all_jobs() {
  auto [slow, quick, middling] =
      co_await sl::gather(job("slow", 3), job("quick", 1), job("middling", 2));
  std::cout << "results: " << slow << ' ' << quick << ' ' << middling << '\n';
}

int main() { sl::run(all_jobs()); }
// [main]
