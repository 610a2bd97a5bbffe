// SPDX-License-Identifier: BSL-1.0
// A loop of one's own, for more than one run and for plain callbacks.
#include <nakh/nakh.hpp>
#include <nakh/stackless.hpp>

#include <iostream>
#include <string>

using namespace std::chrono_literals;

// [main]
namespace sl = nakh::stackless;

sl::task<> greet(std::string name) {
  std::cout << "hello, " << name << '\n';
  co_await sl::sleep(1s);
  std::cout << "goodbye, " << name << '\n';
}

int main() {
  nakh::event_loop loop;
  loop.call_later(500ms, [] { std::cout << "half time\n"; });
  loop.run_until_complete(greet("Roya"));
  loop.run_until_complete(greet("Babak"));
  loop.close();
}
// [main]
