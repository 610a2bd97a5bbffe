// SPDX-License-Identifier: BSL-1.0
#include "stackless_trace.hpp"

namespace trace::cancel_running {

sl::task<const char*> job(const char* name) {
  say(name, "began");
  try {
    co_await sl::yield();
    say(name, "went on");
    co_await sl::yield();
  } catch (const cancelled_error&) {
    say(name, "cancelled");
    throw;
  }
  co_return name;
}

sl::task<const char*> finished() { co_return "finished"; }

sl::task<> keeps_going(task<const char*> done) {
  current_task().cancel();
  const auto value = co_await done;
  say("cancelled itself, and goes on with", value);
  try {
    co_await sl::yield();
  } catch (const cancelled_error&) {
    say("here it comes");
    throw;
  }
}

template <class T>
sl::task<> outcome(task<T> t) {
  const auto error = co_await thrown_by(t);
  say(error);
}

sl::task<> program() {
  const auto unstarted = sl::spawn(job("unstarted"));
  unstarted.cancel();
  co_await outcome(unstarted);
  const auto yielding = sl::spawn(job("yielding"));
  co_await sl::yield();
  yielding.cancel();
  co_await outcome(yielding);
  const auto done = sl::spawn(finished());
  co_await done;
  co_await outcome(sl::spawn(keeps_going(done)));
}

}  // namespace trace::cancel_running

TRACE(cancel_running) { sl::run(trace::cancel_running::program()); }
