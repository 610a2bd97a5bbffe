// SPDX-License-Identifier: BSL-1.0
#include "stackless_trace.hpp"

#include <vector>

namespace trace::as_completed_order {

using handle = task<int>;

sl::task<int> job(int seconds, bool fails) {
  co_await sl::sleep(std::chrono::seconds(seconds));
  if (fails) throw std::invalid_argument("");
  co_return seconds;
}

sl::task<> program() {
  const std::vector<handle> tasks = {sl::spawn(job(3, false)), sl::spawn(job(1, false)), sl::spawn(job(2, true))};
  auto completed = sl::as_completed(tasks);
  while (const auto t = co_await sl::next(completed)) {
    try {
      say(t->result(), now());
    } catch (const std::invalid_argument&) {
      say("ValueError", now());
    }
  }
  const auto slow = sl::spawn(job(5, false));
  const auto quick = sl::spawn(job(1, false));
  auto both = sl::as_completed(std::vector{quick, slow}, 2s);
  try {
    while (const auto t = co_await sl::next(both)) say(t->result(), now());
  } catch (const timeout_error&) {
    say("time is over", now());
  }
  const int last = co_await slow;
  say(last, now());
}

}  // namespace trace::as_completed_order

TRACE(as_completed_order) { sl::run(trace::as_completed_order::program()); }
