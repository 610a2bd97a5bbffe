// SPDX-License-Identifier: BSL-1.0
#include "stackless_trace.hpp"

#include <vector>

namespace trace::lock_line {

sl::task<> holder(mutex& lock, const char* name) {
  try {
    const auto hold = co_await sl::hold(lock);
    say(name, "in", now());
    co_await sl::sleep(2s);
  } catch (const cancelled_error&) {
    say(name, "cancelled", now());
    throw;
  }
  say(name, "out", lock.locked());
}

sl::task<> acquire(mutex& lock) { co_await sl::lock(lock); }

sl::task<> program() {
  mutex lock;
  std::vector<task<>> tasks;
  for (const char* name : {"a", "b", "c", "d"}) tasks.push_back(sl::spawn(holder(lock, name)));
  co_await sl::sleep(1s);
  tasks[1].cancel();
  co_await sl::yield();
  say("b", tasks[1].cancelled());
  co_await sl::sleep(2s);
  tasks[2].cancel();
  const std::vector<task<>> rest(tasks.begin() + 3, tasks.end());
  const auto last = co_await thrown_by(sl::gather(rest));
  say(last, lock.locked(), now());
  const auto first = co_await thrown_by(sl::wait_for(acquire(lock), 1s));
  say(first, lock.locked());
  const auto second = co_await thrown_by(sl::wait_for(acquire(lock), 1s));
  say(second, now());
  lock.unlock();
  say(error_of([&lock] { return lock.unlock(), 0; }));
}

}  // namespace trace::lock_line

TRACE(lock_line) { sl::run(trace::lock_line::program()); }
