// SPDX-License-Identifier: BSL-1.0
// Rows: T-wait-01 T-wait-03 T-wait-06
#include "stackless_trace.hpp"

#include <vector>

namespace trace::wait_first {

sl::task<int> job(int seconds, bool fails) {
  co_await sl::sleep(std::chrono::seconds(seconds));
  if (fails) throw std::invalid_argument("");
  co_return seconds;
}

sl::task<> program() {
  std::vector<task<int>> tasks;
  for (const int s : {1, 2, 1}) tasks.push_back(sl::spawn(job(s, false)));
  const wait_options any{.return_when = first_completed};
  auto found = co_await sl::wait(tasks, any);
  say(found.done.size(), found.pending.size(), now());
  tasks.clear();
  for (const int s : {1, 2, 3}) tasks.push_back(sl::spawn(job(s, s == 2)));
  const wait_options any_error{.return_when = first_exception};
  found = co_await sl::wait(tasks, any_error);
  const auto at = now();
  const auto error = co_await thrown_by(tasks[1]);
  say(found.done.size(), found.pending.size(), at, error);
  found = co_await sl::wait(tasks);
  say(found.done.size(), found.pending.size(), now());
}

}  // namespace trace::wait_first

TRACE(wait_first) { sl::run(trace::wait_first::program()); }
