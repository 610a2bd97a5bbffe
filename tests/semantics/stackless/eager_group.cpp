// SPDX-License-Identifier: BSL-1.0
#include "stackless_trace.hpp"

namespace trace::eager_group {

sl::task<> fails(const char* label) {
  say(label, "fails");
  throw std::invalid_argument(label);
  co_return;
}

sl::task<> block(task_group& group) {
  group.async({.eager_start = true}, fails("a"));
  say("block goes on");
  group.async({.eager_start = true}, fails("b"));
  try {
    co_await sl::yield();
    say("not reached");
  } catch (const cancelled_error&) {
    say("block interrupted");
    throw;
  }
}

sl::task<> maker(task_group& group) {
  group.async({.eager_start = true}, fails("inner"));
  say("maker goes on");
  try {
    co_await sl::sleep(1s);
  } catch (const cancelled_error&) {
    say("maker interrupted");
    throw;
  }
}

sl::task<> block_with_maker(task_group& group) {
  group.async({.eager_start = true}, maker(group));
  say("block ends");
  co_return;
}

sl::task<> program() {
  const auto block_goes_on = co_await thrown_by(sl::task_group::run(block));
  say(block_goes_on);
  say(current_task().cancelling());
  const auto member_makes_member = co_await thrown_by(sl::task_group::run(block_with_maker));
  say(member_makes_member);
  say(current_task().cancelling());
  const auto lazy = sl::spawn({.eager_start = false}, fails("lazy"));
  say("created", lazy.done());
  const auto failed = co_await thrown_by(lazy);
  say(failed);
}

}  // namespace trace::eager_group

TRACE(eager_group) { sl::run(trace::eager_group::program()); }
