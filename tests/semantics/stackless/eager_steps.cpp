// SPDX-License-Identifier: BSL-1.0
#include "stackless_trace.hpp"

namespace trace::eager_steps {

sl::task<int> quick(int value) {
  say("quick", value, current_task().get_name());
  co_return value;
}

sl::task<> slow(const char* label) {
  say(label, "begins");
  try {
    co_await sl::sleep(1s);
    say(label, "ends");
  } catch (const cancelled_error&) {
    say(label, "cancelled");
    throw;
  }
}

sl::task<> fails() {
  throw std::invalid_argument("early");
  co_return;
}

sl::task<> nested(int depth) {
  say("down", depth);
  if (depth > 0) {
    const auto t = sl::spawn(nested(depth - 1));
    say("made", depth, t.done());
    co_await sl::yield();
  }
  say("up", depth);
}

sl::task<> program() {
  event_loop& loop = get_running_loop();
  loop.set_eager_start(true);
  loop.call_soon([] { say("pass"); });
  const auto a = sl::spawn({.name = "first"}, quick(1));
  say("created", a.done(), current_task().get_name() == "first");
  const auto b = sl::spawn(slow("b"));
  const auto c = sl::spawn(slow("c"));
  say("created", b.done(), all_tasks().size());
  const auto d = sl::spawn(fails());
  const bool failed = d.done();
  const auto early = co_await thrown_by(d);
  say("failed", failed, early);
  const auto second = sl::spawn({.name = "second"}, quick(2));
  const auto third = sl::spawn({.name = "third"}, quick(3));
  const auto both = sl::gather(second, third);
  const bool both_done = both.done();
  const auto [two, three] = co_await both;
  say("both", both_done, two, three);
  co_await sl::yield();
  c.cancel();
  const auto of_c = co_await thrown_by(c);
  say("c", of_c);
  co_await b;
  co_await nested(3);
  co_await sl::yield();
  say("end");
}

}  // namespace trace::eager_steps

TRACE(eager_steps) { sl::run(trace::eager_steps::program()); }
