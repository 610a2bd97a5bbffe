// SPDX-License-Identifier: BSL-1.0
#include "stackless_trace.hpp"

#include <vector>

namespace trace::condition_cancelled {

sl::task<> waiter(condition_variable& condition, mutex& held, const char* name) {
  const auto lock = co_await sl::hold(condition);
  try {
    co_await sl::wait(condition);
    say(name, "notified", held.locked());
  } catch (const cancelled_error&) {
    say(name, "cancelled", held.locked());
    throw;
  }
}

sl::task<> program() {
  mutex held;
  condition_variable condition(held);
  std::vector<task<>> tasks;
  for (const char* name : {"a", "b", "c"}) tasks.push_back(sl::spawn(waiter(condition, held, name)));
  co_await sl::yield();
  {
    const auto lock = co_await sl::hold(condition);
    condition.notify(1);
  }
  tasks[0].cancel();
  co_await sl::sleep(1ms);
  say(tasks[0].done(), tasks[1].done(), tasks[2].done());
  {
    const auto lock = co_await sl::hold(condition);
    condition.notify(1);
    tasks[2].cancel();
    co_await sl::sleep(1s);
    say("still held", tasks[0].done(), tasks[1].done(), tasks[2].done());
  }
  co_await sl::wait(tasks);
  say(tasks[0].cancelled(), tasks[1].cancelled(), tasks[2].cancelled(), held.locked());
}

}  // namespace trace::condition_cancelled

TRACE(condition_cancelled) { sl::run(trace::condition_cancelled::program()); }
