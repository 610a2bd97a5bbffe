// SPDX-License-Identifier: BSL-1.0
// One job of a gather fails: its error arrives at once, and the other jobs go on.
#include <nakh/stackless.hpp>

#include <iostream>
#include <stdexcept>
#include <string>

using namespace std::chrono_literals;

// [failure]
namespace sl = nakh::stackless;

sl::task<> pack(std::string what, nakh::delay time) {
  co_await sl::sleep(time);
  if (what == "glass") throw std::runtime_error("the glass broke");
  std::cout << what << " packed\n";
}

sl::task<> pack_all() {
  try {
    co_await sl::gather(pack("books", 1s), pack("glass", 2s), pack("lamp", 3s));
  } catch (const std::runtime_error& error) {
    std::cout << "caught: " << error.what() << '\n';
  }
  co_await sl::sleep(2s);  // nobody cancelled the lamp
  std::cout << "done\n";
}

int main() { sl::run(pack_all()); }
// [failure]
