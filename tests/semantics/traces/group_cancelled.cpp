// SPDX-License-Identifier: BSL-1.0
// Rows: T-tg-04 T-tg-08 T-tg-10 T-tg-14 T-tmo-17
#include "trace.hpp"

TRACE(group_cancelled) {
  run([] {
    const auto job = [](const char* name, int seconds, bool fails_at_last) {
      try {
        sleep(std::chrono::seconds(seconds));
        say(name, "done", now());
      } catch (const cancelled_error&) {
        say(name, "cancelled", now());
        if (fails_at_last) throw std::invalid_argument("");
        throw;
      }
    };
    const auto member_cancelled = [&] {
      task_group::run([&](task_group& group) {
        const auto a = group.async(job, "a", 9, false);
        static_cast<void>(group.async(job, "b", 2, false));
        sleep(1s);
        a.cancel();
      });
      say("closed", now());
    };
    const auto block_fails = [&] {
      task_group::run([&](task_group& group) {
        static_cast<void>(group.async(job, "c", 9, false));
        sleep(1s);
        throw std::invalid_argument("");
      });
    };
    const auto owner = [&] {
      task_group::run([&](task_group& group) {
        static_cast<void>(group.async(job, "d", 9, false));
        sleep(9s);
      });
    };
    const auto owner_with_error = [&] { task_group::run([&](task_group& group) { static_cast<void>(group.async(job, "e", 9, true)); }); };
    const auto tell = [](auto f) {
      const auto error = error_of([&] { return f(), 0; });
      say(error, now());
    };
    tell(member_cancelled);
    tell(block_fails);
    const auto cancel = [](auto f) {
      const auto task = async(f);
      sleep(1s);
      task.cancel();
      const auto error = error_of([&] { return task.await(), 0; });
      say(error, task.cancelled(), now());
    };
    cancel(owner);
    cancel(owner_with_error);
    const auto in_time = [](auto f) {
      const auto error = error_of([&] { return timeout(1s, f), 0; });
      say(error, current_task().cancelling(), now());
    };
    in_time(owner);
    in_time(owner_with_error);
  });
}
