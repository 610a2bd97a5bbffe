// SPDX-License-Identifier: BSL-1.0
// Rows: T-lock-03 T-lock-07
#include "trace.hpp"

#include <mutex>

TRACE(lock_turns) {
  run([] {
    mutex lock;
    const auto turns = [&](const char* name) {
      for (int i = 0; i < 3; ++i) {
        const std::scoped_lock hold(lock);
        say(name, lock.locked());
        yield();
      }
    };
    const auto watch = [&] {
      for (int i = 0; i < 6; ++i) {
        say("watch", lock.locked());
        yield();
      }
    };
    gather([&] { turns("a"); }, [&] { turns("b"); }, watch);
    say(lock.locked());
  });
}
