// SPDX-License-Identifier: BSL-1.0
// One task brings letters, two carry them out; the queue has room for two, and is shut down at the end.
#include <nakh/nakh.hpp>

#include <chrono>
#include <iostream>
#include <string>

using namespace std::chrono_literals;

// [main]
void bring(nakh::queue<std::string>& letters) {
  for (const char* city : {"Shiraz", "Tabriz", "Yazd", "Rasht", "Qom"})
    letters.put(city);
  std::cout << "all brought\n";
  letters.shutdown();
}

void carry(nakh::queue<std::string>& letters, const std::string& name,
           nakh::delay time) {
  try {
    for (;;) {
      const std::string city = letters.get();
      nakh::sleep(time);
      std::cout << name << ": " << city << '\n';
    }
  } catch (const nakh::queue_shut_down&) {
    std::cout << name << " goes home\n";
  }
}

int main() {
  nakh::run([] {
    nakh::queue<std::string> letters(2);
    nakh::gather([&] { bring(letters); }, [&] { carry(letters, "Ava", 1s); },
                 [&] { carry(letters, "Bita", 1500ms); });
  });
}
// [main]
