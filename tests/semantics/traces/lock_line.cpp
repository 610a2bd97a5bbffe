// SPDX-License-Identifier: BSL-1.0
// Rows: T-lock-01 T-lock-02 T-lock-03 T-lock-05 T-lock-06
#include "trace.hpp"

#include <mutex>
#include <vector>

TRACE(lock_line) {
  run([] {
    mutex lock;
    const auto holder = [&](const char* name) {
      try {
        const std::scoped_lock hold(lock);
        say(name, "in", now());
        sleep(2s);
      } catch (const cancelled_error&) {
        say(name, "cancelled", now());
        throw;
      }
      say(name, "out", lock.locked());
    };
    std::vector<task<>> tasks;
    for (const char* name : {"a", "b", "c", "d"}) tasks.push_back(async(holder, name));
    sleep(1s);
    tasks[1].cancel();
    yield();
    say("b", tasks[1].cancelled());
    sleep(2s);
    tasks[2].cancel();
    const auto last = error_of([&] { return tasks[3].await(), 0; });
    say(last, lock.locked(), now());
    const auto acquire = [&] { return wait_for([&] { lock.lock(); }, 1s), 0; };
    const auto first = error_of(acquire);
    say(first, lock.locked());
    const auto second = error_of(acquire);
    say(second, now());
    lock.unlock();
    say(error_of([&] { return lock.unlock(), 0; }));
  });
}
