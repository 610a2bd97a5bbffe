// SPDX-License-Identifier: BSL-1.0
// Rows: T-task-04 T-insp-02 T-insp-03
#include "trace.hpp"

TRACE(task_names) {
  auto whoami = [] {
    const auto before = current_task().get_name();
    yield();
    say(before, current_task().get_name());
  };
  run([whoami] {
    current_task().set_name("main");
    auto a = async({.name = "a"}, whoami);
    auto b = async({.name = "b"}, whoami);
    whoami();
    await(a);
    await(b);
    b.set_name("renamed");
    say(b.get_name());
    get_running_loop().call_soon([] { say("in a callback", static_cast<bool>(current_task())); });
    yield();
  });
}
