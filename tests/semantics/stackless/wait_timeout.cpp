// SPDX-License-Identifier: BSL-1.0
// Rows: T-wait-02 T-wait-04
#include "stackless_trace.hpp"

#include <vector>

namespace trace::wait_timeout {

sl::task<> job(const char* name, int seconds) {
  co_await sl::sleep(std::chrono::seconds(seconds));
  say(name, now());
}

sl::task<> waits(std::vector<task<>> tasks) { co_await sl::wait(std::move(tasks)); }

sl::task<> program() {
  std::vector<task<>> tasks;
  tasks.push_back(sl::spawn(job("a", 1)));
  tasks.push_back(sl::spawn(job("b", 4)));
  const wait_options two_seconds{.timeout = 2s};
  const auto found = co_await sl::wait(tasks, two_seconds);
  say(found.done.size(), found.pending.size(), now());
  const auto t = sl::spawn(waits(found.pending));
  co_await sl::sleep(1s);
  t.cancel();
  const auto error = co_await thrown_by(t);
  say(error, now());
  co_await tasks[1];
}

}  // namespace trace::wait_timeout

TRACE(wait_timeout) { sl::run(trace::wait_timeout::program()); }
