// SPDX-License-Identifier: BSL-1.0
// Rows: T-lock-03 T-lock-07
#include "stackless_trace.hpp"

namespace trace::lock_turns {

sl::task<> turns(mutex& lock, const char* name) {
  for (int i = 0; i < 3; ++i) {
    const auto hold = co_await sl::hold(lock);
    say(name, lock.locked());
    co_await sl::yield();
  }
}

sl::task<> watch(mutex& lock) {
  for (int i = 0; i < 6; ++i) {
    say("watch", lock.locked());
    co_await sl::yield();
  }
}

sl::task<> program() {
  mutex lock;
  co_await sl::gather(turns(lock, "a"), turns(lock, "b"), watch(lock));
  say(lock.locked());
}

}  // namespace trace::lock_turns

TRACE(lock_turns) { sl::run(trace::lock_turns::program()); }
