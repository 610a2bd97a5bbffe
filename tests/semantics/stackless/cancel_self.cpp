// SPDX-License-Identifier: BSL-1.0
#include "stackless_trace.hpp"

namespace trace::cancel_self {

sl::task<> later() {
  current_task().cancel();
  say("still running");
  co_await sl::yield();
  say("never");
}

sl::task<std::string> at_end() {
  current_task().cancel();
  co_return "lost";
}

sl::task<> victims_sleep() { co_await sl::sleep(10s); }

sl::task<> passes_on(task<> t) {
  current_task().cancel();
  co_await t;
}

sl::task<> program() {
  const auto self = co_await thrown_by(sl::spawn(later()));
  say(self);
  const auto t = sl::spawn(at_end());
  const auto error = co_await thrown_by(t);
  say(error, t.cancelled());
  const auto victim = sl::spawn(victims_sleep());
  co_await sl::yield();
  const auto passed = co_await thrown_by(sl::spawn(passes_on(victim)));
  say(passed, victim.cancelled(), now());
}

}  // namespace trace::cancel_self

TRACE(cancel_self) { sl::run(trace::cancel_self::program()); }
