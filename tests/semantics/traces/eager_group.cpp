// SPDX-License-Identifier: BSL-1.0
// Rows: T-tg-22 T-tg-29 T-eager-06
#include "trace.hpp"

TRACE(eager_group) {
  const auto fails = [](const char* label) {
    say(label, "fails");
    throw std::invalid_argument(label);
  };
  const auto block_goes_on = [&] {
    task_group::run([&](task_group& group) {
      group.async({.eager_start = true}, fails, "a");
      say("block goes on");
      group.async({.eager_start = true}, fails, "b");
      try {
        yield();
        say("not reached");
      } catch (const cancelled_error&) {
        say("block interrupted");
        throw;
      }
    });
  };
  const auto member_makes_member = [&] {
    task_group::run([&](task_group& group) {
      group.async({.eager_start = true}, [&] {
        group.async({.eager_start = true}, fails, "inner");
        say("maker goes on");
        try {
          sleep(1s);
        } catch (const cancelled_error&) {
          say("maker interrupted");
          throw;
        }
      });
      say("block ends");
    });
  };
  run([&] {
    say(error_of(block_goes_on));
    say(current_task().cancelling());
    say(error_of(member_makes_member));
    say(current_task().cancelling());
    auto lazy = async({.eager_start = false}, fails, "lazy");
    say("created", lazy.done());
    say(error_of([&] { lazy.await(); }));
  });
}
