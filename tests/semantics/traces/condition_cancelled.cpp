// SPDX-License-Identifier: BSL-1.0
// Rows: T-cond-07 T-cond-08 T-cond-09
#include "trace.hpp"

#include <mutex>
#include <vector>

TRACE(condition_cancelled) {
  run([] {
    mutex held;
    condition_variable condition(held);
    const auto waiter = [&](const char* name) {
      const std::scoped_lock lock(condition);
      try {
        condition.wait();
        say(name, "notified", held.locked());
      } catch (const cancelled_error&) {
        say(name, "cancelled", held.locked());
        throw;
      }
    };
    const std::vector<task<>> tasks = {async(waiter, "a"), async(waiter, "b"), async(waiter, "c")};
    yield();
    {
      const std::scoped_lock lock(condition);
      condition.notify(1);
    }
    tasks[0].cancel();
    sleep(1ms);
    say(tasks[0].done(), tasks[1].done(), tasks[2].done());
    {
      const std::scoped_lock lock(condition);
      condition.notify(1);
      tasks[2].cancel();
      sleep(1s);
      say("still held", tasks[0].done(), tasks[1].done(), tasks[2].done());
    }
    wait(tasks);
    say(tasks[0].cancelled(), tasks[1].cancelled(), tasks[2].cancelled(), held.locked());
  });
}
