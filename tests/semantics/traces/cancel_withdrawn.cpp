// SPDX-License-Identifier: BSL-1.0
// Rows: T-cancel-13 T-cancel-15 T-cancel-16
#include "trace.hpp"

TRACE(cancel_withdrawn) {
  const auto withdraws = [] {
    any_task task = current_task();
    task.cancel();
    say("requests", task.cancelling());
    say("left", task.uncancel());
    sleep(1s);
    say("slept on");
  };
  const auto withdraws_one_of_two = [] {
    any_task task = current_task();
    task.cancel();
    task.cancel();
    say("left", task.uncancel());
    sleep(1s);
    say("not reached");
  };
  const auto withdraws_after = [] {
    any_task task = current_task();
    task.cancel();
    try {
      sleep(1s);
    } catch (const cancelled_error&) {
      const int open = task.cancelling();
      say("delivered", open, task.uncancel());
    }
    sleep(1s);
    say("goes on");
  };
  const auto outcome = [](auto f) { say(error_of([&] { async(f).await(); })); };
  run([&] {
    outcome(withdraws);
    outcome(withdraws_one_of_two);
    outcome(withdraws_after);
  });
}
