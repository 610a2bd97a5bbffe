// SPDX-License-Identifier: BSL-1.0
#include "stackless_trace.hpp"

namespace trace::group_outside_cancel {

sl::task<> fails() {
  co_await sl::sleep(1s);
  throw std::invalid_argument("member");
}

sl::task<> block(task_group& g, bool outside) {
  g.async(fails());
  if (outside) get_running_loop().call_later(1s, [self = current_task()] { self.cancel(); });
  co_await sl::sleep(5s);
}

sl::task<> group(bool outside) {
  say("requests", current_task().cancelling());
  try {
    co_await sl::task_group::run([outside](task_group& g) { return block(g, outside); });
  } catch (const exception_group& errors) {
    say("group", errors.errors().size(), current_task().cancelling());
  }
  co_await sl::sleep(1s);
  say("goes on");
}

sl::task<> program() {
  const auto inside = co_await thrown_by(sl::spawn(group(false)));
  say(inside);
  const auto outside = co_await thrown_by(sl::spawn(group(true)));
  say(outside);
}

}  // namespace trace::group_outside_cancel

TRACE(group_outside_cancel) { sl::run(trace::group_outside_cancel::program()); }
