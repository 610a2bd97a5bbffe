// SPDX-License-Identifier: BSL-1.0
// Rows: T-task-01 T-task-03 T-insp-01
#include "trace.hpp"

TRACE(tasks_begin) {
  auto work = [](std::string name, int turns) {
    say(name, "begins");
    for (int i = 0; i < turns; ++i) yield();
    say(name, "ends");
    return name;
  };
  run([work] {
    auto a = async(work, "a", 2);
    auto b = async(work, "b", 0);
    auto c = async(work, "c", 1);
    say("made", all_tasks().size());
    say(await(b));
    const auto first = await(a);
    say(first, await(c), all_tasks().size());
  });
}
