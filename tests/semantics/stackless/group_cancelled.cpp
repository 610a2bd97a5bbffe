// SPDX-License-Identifier: BSL-1.0
#include "stackless_trace.hpp"

namespace trace::group_cancelled {

sl::task<> job(const char* name, int seconds, bool fails_at_last = false) {
  try {
    co_await sl::sleep(std::chrono::seconds(seconds));
    say(name, "done", now());
  } catch (const cancelled_error&) {
    say(name, "cancelled", now());
    if (fails_at_last) throw std::invalid_argument("");
    throw;
  }
}

sl::task<> cancels_member(task_group& group) {
  const auto a = group.async(job("a", 9));
  group.async(job("b", 2));
  co_await sl::sleep(1s);
  a.cancel();
}

sl::task<> fails(task_group& group) {
  group.async(job("c", 9));
  co_await sl::sleep(1s);
  throw std::invalid_argument("");
}

sl::task<> sleeps(task_group& group) {
  group.async(job("d", 9));
  co_await sl::sleep(9s);
}

sl::task<> ends(task_group& group) {
  group.async(job("e", 9, true));
  co_return;
}

sl::task<> member_cancelled() {
  co_await sl::task_group::run(cancels_member);
  say("closed", now());
}
sl::task<> block_fails() { return sl::task_group::run(fails); }
sl::task<> owner() { return sl::task_group::run(sleeps); }
sl::task<> owner_with_error() { return sl::task_group::run(ends); }

sl::task<> tell(sl::task<> f) {
  const auto error = co_await thrown_by(std::move(f));
  say(error, now());
}

sl::task<> cancel(sl::task<> f) {
  const auto task = sl::spawn(std::move(f));
  co_await sl::sleep(1s);
  task.cancel();
  const auto error = co_await thrown_by(task);
  say(error, task.cancelled(), now());
}

sl::task<> in_time(sl::task<> f) {
  const auto error = co_await thrown_by(sl::timeout(1s, std::move(f)));
  say(error, current_task().cancelling(), now());
}

sl::task<> program() {
  co_await tell(member_cancelled());
  co_await tell(block_fails());
  co_await cancel(owner());
  co_await cancel(owner_with_error());
  co_await in_time(owner());
  co_await in_time(owner_with_error());
}

}  // namespace trace::group_cancelled

TRACE(group_cancelled) { sl::run(trace::group_cancelled::program()); }
