// SPDX-License-Identifier: BSL-1.0
#include "stackless_trace.hpp"

#include <string>
#include <vector>

namespace trace::group_fails {

sl::task<std::string> job(const char* name, int seconds, bool fails = false) {
  try {
    co_await sl::sleep(std::chrono::seconds(seconds));
    say(name, "done", now());
    if (fails) throw std::invalid_argument("");
  } catch (const cancelled_error&) {
    say(name, "cancelled", now());
    throw;
  }
  co_return name;
}

sl::task<> slow_cleanup() {
  std::exception_ptr error;
  try {
    co_await sl::sleep(100s);
  } catch (...) {
    error = std::current_exception();
  }
  co_await sl::sleep(2s);
  say("cleaned up", now());
  if (error) std::rethrow_exception(error);
}

using members = std::vector<task<std::string>>;

sl::task<members> two_jobs(task_group& group) {
  members both;
  both.push_back(group.async(job("a", 2)));
  both.push_back(group.async(job("b", 1)));
  say("block", now());
  co_return both;
}

sl::task<> failing(task_group& group) {
  group.async(job("c", 3));
  group.async(slow_cleanup());
  group.async(job("d", 1, true));
  group.async(job("e", 1));
  co_await sl::sleep(100s);
}

sl::task<> both_fail(task_group& group) {
  group.async(job("f", 1, true));
  group.async(job("g", 1, true));
  co_return;
}

sl::task<> program() {
  const auto ended = co_await sl::task_group::run(two_jobs);
  say(ended[0].result(), ended[1].result(), now());
  const auto failed = co_await thrown_by(sl::task_group::run(failing));
  say(failed, current_task().cancelling(), now());
  const auto both = co_await thrown_by(sl::task_group::run(both_fail));
  say(both, now());
}

}  // namespace trace::group_fails

TRACE(group_fails) { sl::run(trace::group_fails::program()); }
