// SPDX-License-Identifier: BSL-1.0
// Rows: T-sem-01 T-sem-02 T-sem-03 T-sem-04
#include "stackless_trace.hpp"

#include <array>
#include <cstddef>
#include <vector>

namespace trace::semaphore_line {

sl::task<> work(semaphore& s, const char* name, int seconds) {
  try {
    const auto hold = co_await sl::hold(s);
    say(name, "in", now());
    co_await sl::sleep(std::chrono::seconds(seconds));
  } catch (const cancelled_error&) {
    say(name, "cancelled", now());
    throw;
  }
  say(name, "out", now());
}

sl::task<> acquire(bounded_semaphore& s) { co_await sl::acquire(s); }

sl::task<> program() {
  semaphore s(2);
  std::vector<task<>> tasks;
  const std::array<int, 6> seconds{3, 1, 2, 2, 1, 1};
  const std::array<const char*, 6> names{"a", "b", "c", "d", "e", "f"};
  for (std::size_t i = 0; i < names.size(); ++i) tasks.push_back(sl::spawn(work(s, names[i], seconds[i])));
  co_await sl::yield();
  say(s.locked());
  co_await sl::sleep(2s);
  tasks[3].cancel();
  co_await sl::gather(return_exceptions, tasks);
  say(s.locked(), now());
  bounded_semaphore bounded(1);
  say(error_of([&] { bounded.release(); }));
  co_await sl::acquire(bounded);
  const bool locked = bounded.locked();
  const auto late = co_await thrown_by(sl::wait_for(acquire(bounded), 1s));
  say(locked, late);
  bounded.release();
  say(bounded.locked());
}

}  // namespace trace::semaphore_line

TRACE(semaphore_line) { sl::run(trace::semaphore_line::program()); }
