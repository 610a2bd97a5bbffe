// SPDX-License-Identifier: BSL-1.0
#include "stackless_trace.hpp"

#include <vector>

namespace trace::event_waves {

sl::task<> waiter(event& e, const char* name) {
  try {
    const bool set = co_await sl::wait(e);
    say(name, set, now());
  } catch (const cancelled_error&) {
    say(name, "cancelled", now());
    throw;
  }
}

sl::task<bool> waits(event& e) { co_return co_await sl::wait(e); }

sl::task<> program() {
  event e;
  std::vector<task<>> first;
  for (const char* name : {"a", "b", "c"}) first.push_back(sl::spawn(waiter(e, name)));
  co_await sl::sleep(1s);
  first[1].cancel();
  e.set();
  e.clear();
  const auto late = sl::spawn(waiter(e, "late"));
  co_await sl::sleep(1s);
  say(e.is_set(), late.done());
  e.set();
  const bool again = co_await sl::wait(e);
  say(again);
  co_await late;
  e.clear();
  const auto timed_out = co_await thrown_by(sl::wait_for(waits(e), 1s));
  say(timed_out, e.is_set(), now());
}

}  // namespace trace::event_waves

TRACE(event_waves) { sl::run(trace::event_waves::program()); }
