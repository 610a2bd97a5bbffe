// SPDX-License-Identifier: BSL-1.0
// Rows: T-loop-01 T-loop-02 T-loop-03
#include "trace.hpp"

TRACE(callbacks_order) {
  run([] {
    event_loop& loop = get_running_loop();
    auto handle = loop.call_soon([] { say("never"); });
    loop.call_soon([&loop] {
      say("first");
      loop.call_soon([] { say("queued by first"); });
    });
    auto t = async([] { say("a task between"); });
    loop.call_soon([] { say("last"); });
    handle.cancel();
    say("cancelled", handle.cancelled());
    yield();
    say("main again");
    yield();
  });
}
