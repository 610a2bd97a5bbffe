// SPDX-License-Identifier: BSL-1.0
// Rows: T-sem-01 T-sem-02 T-sem-03 T-sem-04
#include "trace.hpp"

#include <array>
#include <cstddef>
#include <mutex>
#include <vector>

TRACE(semaphore_line) {
  run([] {
    semaphore s(2);
    const auto work = [&](const char* name, int seconds) {
      try {
        const std::scoped_lock hold(s);
        say(name, "in", now());
        sleep(std::chrono::seconds(seconds));
      } catch (const cancelled_error&) {
        say(name, "cancelled", now());
        throw;
      }
      say(name, "out", now());
    };
    std::vector<task<>> tasks;
    const std::array<int, 6> seconds{3, 1, 2, 2, 1, 1};
    const std::array<const char*, 6> names{"a", "b", "c", "d", "e", "f"};
    for (std::size_t i = 0; i < names.size(); ++i) tasks.push_back(async(work, names[i], seconds[i]));
    yield();
    say(s.locked());
    sleep(2s);
    tasks[3].cancel();
    gather(return_exceptions, tasks);
    say(s.locked(), now());
    bounded_semaphore bounded(1);
    say(error_of([&] { return bounded.release(), 0; }));
    bounded.acquire();
    const bool locked = bounded.locked();
    const auto late = error_of([&] { return wait_for([&] { bounded.acquire(); }, 1s), 0; });
    say(locked, late);
    bounded.release();
    say(bounded.locked());
  });
}
