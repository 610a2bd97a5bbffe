// SPDX-License-Identifier: BSL-1.0
// One task brings letters, two carry them out; the queue has room for two, and is shut down at the end.
#include <nakh/nakh.hpp>
#include <nakh/stackless.hpp>

#include <array>
#include <chrono>
#include <iostream>
#include <string>

using namespace std::chrono_literals;

// [main]
namespace sl = nakh::stackless;

sl::task<> bring(nakh::queue<std::string>& letters) {
  const std::array<const char*, 5> cities{"Shiraz", "Tabriz", "Yazd", "Rasht", "Qom"};
  for (const char* city : cities) co_await sl::put(letters, std::string(city));
  std::cout << "all brought\n";
  letters.shutdown();
}

sl::task<> carry(nakh::queue<std::string>& letters, std::string name,
                 nakh::delay time) {
  try {
    for (;;) {
      const std::string city = co_await sl::get(letters);
      co_await sl::sleep(time);
      std::cout << name << ": " << city << '\n';
    }
  } catch (const nakh::queue_shut_down&) {
    std::cout << name << " goes home\n";
  }
}

sl::task<> start() {
  nakh::queue<std::string> letters(2);
  co_await sl::gather(bring(letters), carry(letters, "Ava", 1s),
                      carry(letters, "Bita", 1500ms));
}

int main() { nakh::run(start()); }
// [main]
