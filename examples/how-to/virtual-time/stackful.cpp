// SPDX-License-Identifier: BSL-1.0
// A retry that sleeps for hours, tested at once; and a door with a lock, in 200 orders of turns and cancelled at every suspension.
#include <nakh/nakh.hpp>
#include <nakh/testing.hpp>

#include <chrono>
#include <iostream>
#include <mutex>
#include <stdexcept>

using namespace std::chrono_literals;

// [code]
template <class F>
auto with_retries(F f, int tries, nakh::delay pause) {
  for (;;) {
    try {
      return f();
    } catch (const std::runtime_error&) {
      if (--tries == 0) throw;
    }
    nakh::sleep(pause);
  }
}
// [code]

// [test]
int main() {
  nakh::virtual_clock clock;
  nakh::run({.clock = &clock}, [&] {
    int calls = 0;
    const int result = with_retries(
        [&] { return ++calls < 3 ? throw std::runtime_error("not yet") : calls; }, 5,
        6h);
    std::cout << result << " calls in "
              << std::chrono::duration_cast<std::chrono::hours>(
                     clock.now().time_since_epoch())
                     .count()
              << " h\n";
  });

  struct world {
    nakh::mutex door;
    int inside = 0;
  };
  const auto scenario = [](world& w) {
    const auto enter = [&w] {
      const std::scoped_lock hold(w.door);
      nakh::sleep(1s);
      ++w.inside;
    };
    nakh::task_group::run([&](nakh::task_group& group) {
      group.async(enter);
      group.async(enter);
    });
  };
  const auto check = [](world& w) {
    if (w.door.locked()) throw std::logic_error("the door stayed locked");
  };
  const auto orders = nakh::testing::explore<world>({.seeds = 200}, scenario, check);
  const auto cancelled =
      nakh::testing::cancel_everywhere<world>({.each_task = true}, scenario, check);
  std::cout << orders.runs << " orders, " << (cancelled.runs > 10 ? "many" : "few")
            << " cancellations: the door is free\n";
}
// [test]
