// SPDX-License-Identifier: BSL-1.0
#include "stackless_trace.hpp"

#include <algorithm>
#include <vector>

namespace trace::as_completed_iterates {

using handle = task<const char*>;

sl::task<const char*> job(const char* name, int seconds) {
  co_await sl::sleep(std::chrono::seconds(seconds));
  if (*name == 'b') throw std::invalid_argument(name);
  co_return name;
}

handle make(const char* name, int seconds) { return sl::spawn({.name = name}, job(name, seconds)); }

sl::task<> all_end(std::vector<handle> tasks) {
  auto completed = sl::as_completed(tasks);
  while (const auto t = co_await sl::next(completed)) {
    const auto error = t->exception();
    say(t->get_name(), std::find(tasks.begin(), tasks.end(), *t) != tasks.end(), error ? error_name(error) : "NoneType", now());
  }
}

sl::task<> in_time(std::vector<handle> tasks) {
  auto completed = sl::as_completed(tasks, 2s);
  while (const auto t = co_await sl::next(completed)) say(t->get_name(), now());
}

sl::task<> program() {
  std::vector<handle> tasks = {make("c", 3), make("a", 1), make("b", 2)};
  co_await all_end(tasks);

  tasks = {make("slow", 9), make("quick", 1)};
  try {
    co_await in_time(tasks);
  } catch (const timeout_error&) {
    say("TimeoutError", now(), tasks[0].done());
  }
  co_await sl::wait(tasks);
}

}  // namespace trace::as_completed_iterates

TRACE(as_completed_iterates) { sl::run(trace::as_completed_iterates::program()); }
