// SPDX-License-Identifier: BSL-1.0
// Rows: T-asc-06 T-asc-07
#include "trace.hpp"

#include <algorithm>
#include <vector>

TRACE(as_completed_iterates) {
  const auto job = [](const char* name, int seconds) {
    sleep(std::chrono::seconds(seconds));
    if (*name == 'b') throw std::invalid_argument(name);
    return name;
  };
  const auto make = [&](const char* name, int seconds) { return async({.name = name}, job, name, seconds); };
  run([&] {
    std::vector<task<const char*>> tasks = {make("c", 3), make("a", 1), make("b", 2)};
    for (const auto& t : as_completed(tasks)) {
      const auto error = t.exception();
      say(t.get_name(), std::find(tasks.begin(), tasks.end(), t) != tasks.end(), error ? error_name(error) : "NoneType", now());
    }

    tasks = {make("slow", 9), make("quick", 1)};
    try {
      for (const auto& t : as_completed(tasks, 2s)) say(t.get_name(), now());
    } catch (const timeout_error&) {
      say("TimeoutError", now(), tasks[0].done());
    }
    wait(tasks);
  });
}
