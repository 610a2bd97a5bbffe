// SPDX-License-Identifier: BSL-1.0
// Tasks, a gather and a timeout, in coroutines.
#include <nakh/stackless.hpp>

#include <iostream>
#include <string>

using namespace std::chrono_literals;

// [program]
namespace sl = nakh::stackless;

sl::task<std::string> fetch(std::string what, nakh::delay time) {
  co_await sl::sleep(time);  // this coroutine waits, the others go on
  std::cout << what << " is here\n";
  co_return what;
}

sl::task<> breakfast() {
  auto [bread, tea] =
      co_await sl::gather(sl::spawn(fetch("bread", 2s)), sl::spawn(fetch("tea", 1s)));
  std::cout << bread << " and " << tea << ": breakfast\n";
  try {
    co_await sl::wait_for(fetch("saffron", 9s), 1s);
  } catch (const nakh::timeout_error&) {
    std::cout << "no saffron today\n";
  }
}

int main() { sl::run(breakfast()); }
// [program]
