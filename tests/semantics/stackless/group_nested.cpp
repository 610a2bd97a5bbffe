// SPDX-License-Identifier: BSL-1.0
#include "stackless_trace.hpp"

namespace trace::group_nested {

sl::task<> job(const char* name, int seconds, bool fails = false) {
  try {
    co_await sl::sleep(std::chrono::seconds(seconds));
    if (fails) throw std::invalid_argument("");
    say(name, "done", now());
  } catch (const cancelled_error&) {
    say(name, "cancelled", now());
    throw;
  }
}

sl::task<> inner_handled(task_group& inner) {
  inner.async(job("b", 5));
  inner.async(job("c", 1, true));
  co_return;
}

sl::task<> handled(task_group& outer) {
  outer.async(job("a", 3));
  try {
    co_await sl::task_group::run(inner_handled);
  } catch (const exception_group& error) {
    say("inner", error.errors().size(), now());
  }
}

sl::task<> inner_unhandled(task_group& inner) {
  inner.async(job("e", 5));
  inner.async(job("f", 1, true));
  co_return;
}

sl::task<> unhandled(task_group& outer) {
  outer.async(job("d", 3));
  co_await sl::task_group::run(inner_unhandled);
}

sl::task<> inner_cancelled(task_group& inner) {
  inner.async(job("h", 5));
  co_return;
}

sl::task<> from_outside(task_group& outer) {
  outer.async(job("g", 1, true));
  co_await sl::task_group::run(inner_cancelled);
}

sl::task<> tell(sl::task<> f) {
  const auto error = co_await thrown_by(std::move(f));
  say(error, now());
}

sl::task<> program() {
  co_await tell(sl::task_group::run(handled));
  co_await tell(sl::task_group::run(unhandled));
  co_await tell(sl::task_group::run(from_outside));
}

}  // namespace trace::group_nested

TRACE(group_nested) { sl::run(trace::group_nested::program()); }
