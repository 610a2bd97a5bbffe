// SPDX-License-Identifier: BSL-1.0
// Rows: T-tg-15 T-tg-16 T-tg-17
#include "trace.hpp"

TRACE(group_nested) {
  run([] {
    const auto job = [](const char* name, int seconds, bool fails) {
      try {
        sleep(std::chrono::seconds(seconds));
        if (fails) throw std::invalid_argument("");
        say(name, "done", now());
      } catch (const cancelled_error&) {
        say(name, "cancelled", now());
        throw;
      }
    };
    const auto add = [&](task_group& group, const char* name, int seconds, bool fails = false) {
      static_cast<void>(group.async(job, name, seconds, fails));
    };
    const auto tell = [](auto f) {
      const auto error = error_of([&] { return task_group::run(f), 0; });
      say(error, now());
    };
    tell([&](task_group& outer) {
      add(outer, "a", 3);
      try {
        task_group::run([&](task_group& inner) {
          add(inner, "b", 5);
          add(inner, "c", 1, true);
        });
      } catch (const exception_group& error) {
        say("inner", error.errors().size(), now());
      }
    });
    tell([&](task_group& outer) {
      add(outer, "d", 3);
      task_group::run([&](task_group& inner) {
        add(inner, "e", 5);
        add(inner, "f", 1, true);
      });
    });
    tell([&](task_group& outer) {
      add(outer, "g", 1, true);
      task_group::run([&](task_group& inner) { add(inner, "h", 5); });
    });
  });
}
