// SPDX-License-Identifier: BSL-1.0
// Rows: T-task-01 T-task-03 T-insp-01
#include "stackless_trace.hpp"

namespace trace::tasks_begin {

sl::task<std::string> work(std::string name, int turns) {
  say(name, "begins");
  for (int i = 0; i < turns; ++i) co_await sl::yield();
  say(name, "ends");
  co_return name;
}

sl::task<> program() {
  const auto a = sl::spawn(work("a", 2));
  const auto b = sl::spawn(work("b", 0));
  const auto c = sl::spawn(work("c", 1));
  say("made", all_tasks().size());
  const auto of_b = co_await b;
  say(of_b);
  const auto of_a = co_await a;
  const auto of_c = co_await c;
  say(of_a, of_c, all_tasks().size());
}

}  // namespace trace::tasks_begin

TRACE(tasks_begin) { sl::run(trace::tasks_begin::program()); }
