// SPDX-License-Identifier: BSL-1.0
// Rows: T-eager-01 T-eager-02 T-eager-04 T-eager-05
#include "trace.hpp"

#include <functional>

TRACE(eager_steps) {
  const auto quick = [](int value) {
    say("quick", value, current_task().get_name());
    return value;
  };
  const auto slow = [](const char* label) {
    say(label, "begins");
    try {
      sleep(1s);
      say(label, "ends");
    } catch (const cancelled_error&) {
      say(label, "cancelled");
      throw;
    }
  };
  std::function<void(int)> nested = [&](int depth) {
    say("down", depth);
    if (depth > 0) {
      const auto t = async(nested, depth - 1);
      say("made", depth, t.done());
      yield();
    }
    say("up", depth);
  };
  run([&] {
    event_loop& loop = get_running_loop();
    loop.set_eager_start(true);
    loop.call_soon([] { say("pass"); });
    auto a = async({.name = "first"}, quick, 1);
    say("created", a.done(), current_task().get_name() == "first");
    auto b = async(slow, "b");
    auto c = async(slow, "c");
    say("created", b.done(), all_tasks().size());
    auto d = async([] { throw std::invalid_argument("early"); });
    say("failed", d.done(), error_of([&] { d.await(); }));
    auto second = async({.name = "second"}, quick, 2);
    auto third = async({.name = "third"}, quick, 3);
    auto both = gather_future(second, third);
    const bool both_done = both.done();
    const auto [two, three] = both.await();
    say("both", both_done, two, three);
    yield();
    c.cancel();
    say("c", error_of([&] { c.await(); }));
    b.await();
    nested(3);
    yield();
    say("end");
  });
}
