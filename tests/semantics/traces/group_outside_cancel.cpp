// SPDX-License-Identifier: BSL-1.0
// Rows: T-tg-09 T-tg-18 T-tg-19
#include "trace.hpp"

TRACE(group_outside_cancel) {
  const auto fails = [] {
    sleep(1s);
    throw std::invalid_argument("member");
  };
  const auto group = [&](bool outside) {
    say("requests", current_task().cancelling());
    try {
      task_group::run([&](task_group& g) {
        g.async(fails);
        if (outside) get_running_loop().call_later(1s, [self = current_task()] { self.cancel(); });
        sleep(5s);
      });
    } catch (const exception_group& errors) {
      say("group", errors.errors().size(), current_task().cancelling());
    }
    sleep(1s);
    say("goes on");
  };
  run([&] {
    say(error_of([&] { async(group, false).await(); }));
    say(error_of([&] { async(group, true).await(); }));
  });
}
