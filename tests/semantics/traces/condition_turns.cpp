// SPDX-License-Identifier: BSL-1.0
// Rows: T-cond-01 T-cond-02 T-cond-03 T-cond-05 T-cond-07 T-cond-12
#include "trace.hpp"

#include <mutex>
#include <vector>

TRACE(condition_turns) {
  run([] {
    mutex lock;
    condition_variable ready(lock);
    int state = 0;
    const auto waiter = [&](const char* name) {
      const std::scoped_lock hold(ready);
      try {
        ready.wait();
        say(name, true, lock.locked(), now());
      } catch (const cancelled_error&) {
        say(name, "cancelled", lock.locked(), now());
        throw;
      }
    };
    const auto until = [&](int value) {
      const std::scoped_lock hold(ready);
      const bool holds = ready.wait([&] { return state >= value; });
      say("until", holds, state, now());
    };
    std::vector<task<>> tasks;
    for (const char* name : {"a", "b", "c"}) tasks.push_back(async(waiter, name));
    tasks.push_back(async(until, 2));
    sleep(1s);
    say(lock.locked());
    {
      const std::scoped_lock hold(ready);
      ready.notify(2);
      sleep(1s);
      say("let go", now());
    }
    sleep(1s);
    {
      const std::scoped_lock hold(ready);
      tasks[2].cancel();
      sleep(1s);
      say("let go", now());
    }
    sleep(1s);
    for (state = 1; state <= 2; ++state) {
      {
        const std::scoped_lock hold(ready);
        ready.notify_all();
      }
      sleep(1s);
    }
    gather(return_exceptions, tasks);
    say(error_of([&] { return ready.notify(), 0; }));
    const auto unlocked = error_of([&] { return ready.wait(), 0; });
    say(unlocked, lock.locked());
  });
}
