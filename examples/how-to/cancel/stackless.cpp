// SPDX-License-Identifier: BSL-1.0
// Cancels tasks and waits until each has cleaned up.
#include <nakh/nakh.hpp>
#include <nakh/stackless.hpp>

#include <array>
#include <chrono>
#include <exception>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

// [main]
namespace sl = nakh::stackless;

struct desk {
  explicit desk(std::string n) : name(std::move(n)) {}
  ~desk() { std::cout << name << ": desk free\n"; }
  desk(const desk&) = delete;
  desk& operator=(const desk&) = delete;
  std::string name;
};

sl::task<> serve(std::string name) {
  const desk own(name);  // given back whatever happens
  std::exception_ptr stopped;
  std::string reason;
  try {
    for (;;) co_await sl::sleep(1h);
  } catch (const nakh::cancelled_error& stop) {
    stopped = std::current_exception();
    reason = stop.reason();
  }
  co_await sl::sleep(1s);  // not in the handler: co_await is not allowed there
  std::cout << name << ": closed, " << reason << '\n';
  std::rethrow_exception(stopped);  // a cancellation goes on
}

sl::task<> start() {
  std::vector<nakh::task<>> desks;
  const std::array<const char*, 2> names{"post", "bank"};
  for (const char* name : names) desks.push_back(sl::spawn(serve(name)));
  co_await sl::sleep(2s);
  for (const auto& each : desks) each.cancel("it is evening");
  co_await sl::gather(nakh::return_exceptions, desks);  // waits for all, throws nothing
  std::cout << "all closed: " << std::boolalpha
            << (desks[0].cancelled() && desks[1].cancelled()) << '\n';
}

int main() { nakh::run(start()); }
// [main]
