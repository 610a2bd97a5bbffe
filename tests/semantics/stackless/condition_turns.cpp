// SPDX-License-Identifier: BSL-1.0
#include "stackless_trace.hpp"

#include <vector>

namespace trace::condition_turns {

struct shared_state {
  mutex lock;
  condition_variable ready{lock};
  int state = 0;
};

sl::task<> waiter(shared_state& s, const char* name) {
  const auto hold = co_await sl::hold(s.ready);
  try {
    co_await sl::wait(s.ready);
    say(name, true, s.lock.locked(), now());
  } catch (const cancelled_error&) {
    say(name, "cancelled", s.lock.locked(), now());
    throw;
  }
}

sl::task<> until(shared_state& s, int value) {
  const auto hold = co_await sl::hold(s.ready);
  const bool holds = co_await sl::wait(s.ready, [&s, value] { return s.state >= value; });
  say("until", holds, s.state, now());
}

sl::task<> program() {
  shared_state s;
  std::vector<task<>> tasks;
  for (const char* name : {"a", "b", "c"}) tasks.push_back(sl::spawn(waiter(s, name)));
  tasks.push_back(sl::spawn(until(s, 2)));
  co_await sl::sleep(1s);
  say(s.lock.locked());
  {
    const auto hold = co_await sl::hold(s.ready);
    s.ready.notify(2);
    co_await sl::sleep(1s);
    say("let go", now());
  }
  co_await sl::sleep(1s);
  {
    const auto hold = co_await sl::hold(s.ready);
    tasks[2].cancel();
    co_await sl::sleep(1s);
    say("let go", now());
  }
  co_await sl::sleep(1s);
  for (s.state = 1; s.state <= 2; ++s.state) {
    {
      const auto hold = co_await sl::hold(s.ready);
      s.ready.notify_all();
    }
    co_await sl::sleep(1s);
  }
  co_await sl::gather(return_exceptions, tasks);
  say(error_of([&s] { return s.ready.notify(), 0; }));
  const auto unlocked = co_await thrown_by(sl::wait(s.ready));
  say(unlocked, s.lock.locked());
}

}  // namespace trace::condition_turns

TRACE(condition_turns) { sl::run(trace::condition_turns::program()); }
