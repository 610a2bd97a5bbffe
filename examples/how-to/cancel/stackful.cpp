// SPDX-License-Identifier: BSL-1.0
// Cancels tasks and waits until each has cleaned up.
#include <nakh/nakh.hpp>

#include <chrono>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

// [main]
struct desk {
  explicit desk(std::string n) : name(std::move(n)) {}
  ~desk() { std::cout << name << ": desk free\n"; }
  desk(const desk&) = delete;
  desk& operator=(const desk&) = delete;
  std::string name;
};

void serve(const std::string& name) {
  const desk own(name);  // given back whatever happens
  try {
    for (;;) nakh::sleep(1h);
  } catch (const nakh::cancelled_error& stop) {
    nakh::sleep(1s);  // cleaning up may wait
    std::cout << name << ": closed, " << stop.reason() << '\n';
    throw;  // a cancellation goes on
  }
}

int main() {
  nakh::run([] {
    std::vector<nakh::task<>> desks;
    for (const char* name : {"post", "bank"})
      desks.push_back(nakh::async(serve, std::string(name)));
    nakh::sleep(2s);
    for (const auto& each : desks) each.cancel("it is evening");
    nakh::gather(nakh::return_exceptions, desks);  // waits for all, throws nothing
    std::cout << "all closed: " << std::boolalpha
              << (desks[0].cancelled() && desks[1].cancelled()) << '\n';
  });
}
// [main]
