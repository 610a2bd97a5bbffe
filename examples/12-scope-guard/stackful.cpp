// SPDX-License-Identifier: BSL-1.0
// A destructor that waits, also while a cancellation unwinds the stack.
#include <nakh/nakh.hpp>

#include <chrono>
#include <iostream>
#include <string>

using namespace std::chrono_literals;

void say(const std::string& text) {
  static const auto start = nakh::clock::now();
  std::cout
      << std::chrono::round<std::chrono::seconds>(nakh::clock::now() - start).count()
      << " s: " << text << '\n';
}

// [main]
class lamp {
 public:
  lamp() {
    nakh::sleep(1s);
    say("lamp lit");
  }
  ~lamp() noexcept(false) {  // a cancellation may arrive here too
    nakh::sleep(1s);
    say("lamp out");
  }
  lamp(const lamp&) = delete;
  lamp& operator=(const lamp&) = delete;
};

void read_book() {
  const lamp on_the_table;
  nakh::sleep(3s);
  say("chapter read");
}

int main() {
  nakh::run([] {
    say("good evening");
    read_book();
    try {
      nakh::wait_for(read_book, 2s);
    } catch (const nakh::timeout_error&) {
      say("asleep");  // once the lamp is out
    }
  });
}
// [main]
