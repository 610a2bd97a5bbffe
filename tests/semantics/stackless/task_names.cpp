// SPDX-License-Identifier: BSL-1.0
// Rows: T-task-04 T-insp-02 T-insp-03
#include "stackless_trace.hpp"

namespace trace::task_names {

sl::task<> whoami() {
  const auto before = current_task().get_name();
  co_await sl::yield();
  say(before, current_task().get_name());
}

sl::task<> program() {
  current_task().set_name("main");
  const auto a = sl::spawn({.name = "a"}, whoami());
  const auto b = sl::spawn({.name = "b"}, whoami());
  co_await whoami();
  co_await a;
  co_await b;
  b.set_name("renamed");
  say(b.get_name());
  get_running_loop().call_soon([] { say("in a callback", static_cast<bool>(current_task())); });
  co_await sl::yield();
}

}  // namespace trace::task_names

TRACE(task_names) { sl::run(trace::task_names::program()); }
