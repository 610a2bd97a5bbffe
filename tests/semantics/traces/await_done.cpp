// SPDX-License-Identifier: BSL-1.0
// Rows: T-fut-07 T-task-02 T-task-05 T-cancel-12
#include "trace.hpp"

TRACE(await_done) {
  auto value = [] { return 5; };
  run([value] {
    event_loop& loop = get_running_loop();
    auto f = loop.create_future<int>();
    f.set_result(1);
    loop.call_soon([] { say("a pass was given up"); });
    const int first = await(f);
    const int second = await(f);
    say(first, second, await(value));
    auto t = async(value);
    const int third = await(t);
    say(third, await(t));
  });
}
