// SPDX-License-Identifier: BSL-1.0
// A callback that sets its own next timer: it goes on through both runs of the loop.
#include <nakh/nakh.hpp>

#include <chrono>
#include <iostream>
#include <string>

using namespace std::chrono_literals;

// [given]
void bake(std::string what, nakh::delay time) {
  std::cout << what << " in the oven\n";
  nakh::sleep(time);
  std::cout << what << " out of the oven\n";
}
// [given]

// [solution]
class ticker {
 public:
  explicit ticker(nakh::event_loop& loop) : loop_(loop) { set(); }

 private:
  void set() {
    loop_.call_later(1s, [this] { tick(); });
  }
  void tick() {
    std::cout << "tick " << ++ticks_ << '\n';
    set();
  }
  nakh::event_loop& loop_;
  int ticks_ = 0;
};
// [solution]

// [main]
int main() {
  nakh::event_loop loop;
  const ticker ticks(loop);
  loop.run_until_complete([] { bake("bread", 2500ms); });
  loop.run_until_complete([] { bake("cake", 1200ms); });
  loop.close();
}
// [main]
