// SPDX-License-Identifier: BSL-1.0
#include "stackless_trace.hpp"

namespace trace::cancel_withdrawn {

sl::task<> withdraws() {
  const any_task task = current_task();
  task.cancel();
  say("requests", task.cancelling());
  say("left", task.uncancel());
  co_await sl::sleep(1s);
  say("slept on");
}

sl::task<> withdraws_one_of_two() {
  const any_task task = current_task();
  task.cancel();
  task.cancel();
  say("left", task.uncancel());
  co_await sl::sleep(1s);
  say("not reached");
}

sl::task<> withdraws_after() {
  const any_task task = current_task();
  task.cancel();
  try {
    co_await sl::sleep(1s);
  } catch (const cancelled_error&) {
    const int open = task.cancelling();
    say("delivered", open, task.uncancel());
  }
  co_await sl::sleep(1s);
  say("goes on");
}

sl::task<> outcome(sl::task<> job) {
  const auto error = co_await thrown_by(sl::spawn(std::move(job)));
  say(error);
}

sl::task<> program() {
  co_await outcome(withdraws());
  co_await outcome(withdraws_one_of_two());
  co_await outcome(withdraws_after());
}

}  // namespace trace::cancel_withdrawn

TRACE(cancel_withdrawn) { sl::run(trace::cancel_withdrawn::program()); }
