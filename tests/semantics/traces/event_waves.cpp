// SPDX-License-Identifier: BSL-1.0
// Rows: T-event-01 T-event-02 T-event-03
#include "trace.hpp"

#include <vector>

TRACE(event_waves) {
  run([] {
    event e;
    const auto waiter = [&](const char* name) {
      try {
        const bool set = e.wait();
        say(name, set, now());
      } catch (const cancelled_error&) {
        say(name, "cancelled", now());
        throw;
      }
    };
    std::vector<task<>> first;
    for (const char* name : {"a", "b", "c"}) first.push_back(async(waiter, name));
    sleep(1s);
    first[1].cancel();
    e.set();
    e.clear();
    auto late = async(waiter, "late");
    sleep(1s);
    say(e.is_set(), late.done());
    e.set();
    const bool again = e.wait();
    say(again);
    late.await();
    e.clear();
    const auto timed_out = error_of([&] { return wait_for([&] { return e.wait(); }, 1s); });
    say(timed_out, e.is_set(), now());
  });
}
