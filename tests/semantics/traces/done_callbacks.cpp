// SPDX-License-Identifier: BSL-1.0
// Rows: T-fut-03 T-fut-05
#include "trace.hpp"

TRACE(done_callbacks) {
  run([] {
    event_loop& loop = get_running_loop();
    auto f = loop.create_future<std::string>();
    f.add_done_callback([](const future<std::string>& done) { say("one", done.result()); });
    f.add_done_callback([] { say("two"); });
    loop.call_soon([] { say("before"); });
    f.set_result("x");
    loop.call_soon([] { say("after"); });
    say("none has run");
    f.add_done_callback([] { say("late"); });
    yield();
    say("main");
  });
}
