// SPDX-License-Identifier: BSL-1.0
// Awaiting: a coroutine takes its turn, a task runs on beside it.
#include <nakh/stackless.hpp>

#include <chrono>
#include <iostream>
#include <string>

using namespace std::chrono_literals;

// [main]
namespace sl = nakh::stackless;

sl::task<std::string> bake(std::string what, std::chrono::seconds time) {
  std::cout << what << " in the oven\n";
  co_await sl::sleep(time);
  std::cout << what << " out of the oven\n";
  co_return what;
}

sl::task<> bake_both() {
  const auto start = nakh::clock::now();
  const auto seconds = [&] {
    return std::chrono::round<std::chrono::seconds>(nakh::clock::now() - start).count();
  };
  auto cake = sl::spawn(bake("cake", 2s));  // begins when this task waits
  auto bread = co_await bake("bread", 1s);  // begins here and now
  std::cout << bread << " after " << seconds() << " s\n";
  const auto last = co_await cake;
  std::cout << last << " after " << seconds() << " s\n";
}

int main() { sl::run(bake_both()); }
// [main]
