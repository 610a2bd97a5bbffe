// SPDX-License-Identifier: BSL-1.0
// Rows: T-tg-01 T-tg-02 T-tg-05 T-tg-07
#include "trace.hpp"

#include <string>
#include <vector>

TRACE(group_fails) {
  run([] {
    const auto job = [](const char* name, int seconds, bool fails) {
      try {
        sleep(std::chrono::seconds(seconds));
        say(name, "done", now());
        if (fails) throw std::invalid_argument("");
      } catch (const cancelled_error&) {
        say(name, "cancelled", now());
        throw;
      }
      return std::string(name);
    };
    const auto slow_cleanup = [] {
      try {
        sleep(100s);
      } catch (const cancelled_error&) {
        sleep(2s);
        say("cleaned up", now());
        throw;
      }
    };
    std::vector<task<std::string>> members;
    task_group::run([&](task_group& group) {
      members.push_back(group.async(job, "a", 2, false));
      members.push_back(group.async(job, "b", 1, false));
      say("block", now());
    });
    say(members[0].result(), members[1].result(), now());
    const auto failing = [&] {
      task_group::run([&](task_group& group) {
        static_cast<void>(group.async(job, "c", 3, false));
        static_cast<void>(group.async(slow_cleanup));
        static_cast<void>(group.async(job, "d", 1, true));
        static_cast<void>(group.async(job, "e", 1, false));
        sleep(100s);
      });
      return 0;
    };
    const auto failed = error_of(failing);
    say(failed, current_task().cancelling(), now());
    const auto both = error_of([&] {
      task_group::run([&](task_group& group) {
        static_cast<void>(group.async(job, "f", 1, true));
        static_cast<void>(group.async(job, "g", 1, true));
      });
      return 0;
    });
    say(both, now());
  });
}
