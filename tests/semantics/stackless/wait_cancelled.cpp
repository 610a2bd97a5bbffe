// SPDX-License-Identifier: BSL-1.0
// Rows: T-wait-02 T-wait-04 T-wait-07
#include "stackless_trace.hpp"

#include <vector>

namespace trace::wait_cancelled {

sl::task<int> job(const char* name, int seconds) {
  try {
    co_await sl::sleep(std::chrono::seconds(seconds));
  } catch (const cancelled_error&) {
    say(name, "cancelled");
    throw;
  }
  say(name, "done", now());
  co_return seconds;
}

sl::task<> program() {
  std::vector<task<int>> tasks;
  tasks.push_back(sl::spawn(job("a", 3)));
  tasks.push_back(sl::spawn(job("b", 5)));
  const auto waiter = sl::spawn(sl::wait(tasks));
  co_await sl::sleep(1s);
  waiter.cancel();
  const auto error = co_await thrown_by(waiter);
  say(error, now());
  say(static_cast<int>(tasks[0].done()) + static_cast<int>(tasks[1].done()));
  tasks[1].cancel();
  const wait_options a_second{.timeout = 1s};
  const auto after_a_second = co_await sl::wait(tasks, a_second);
  say(after_a_second.done.size(), after_a_second.pending.size(), now());
  const wait_options no_time{.timeout = 0s};
  const auto at_once = co_await sl::wait(tasks, no_time);
  say(at_once.done.size(), at_once.pending.size(), now());
  const std::vector<task<int>> twice(2, tasks[0]);
  const auto last = co_await sl::wait(twice);
  say(last.done.size(), last.pending.size(), tasks[0].result(), now());
}

}  // namespace trace::wait_cancelled

TRACE(wait_cancelled) { sl::run(trace::wait_cancelled::program()); }
