// SPDX-License-Identifier: BSL-1.0
// Rows: T-loop-05 T-loop-06 T-loop-07 T-loop-08
#include "stackless_trace.hpp"

namespace trace::loop_stop {

sl::task<std::string> slow() {
  co_await sl::sleep(2s);
  co_return "value";
}

void program() {
  event_loop loop;
  loop.call_soon([&loop] {
    say("stops");
    loop.stop();
    loop.call_soon([] { say("in the next run"); });
  });
  loop.call_soon([] { say("same pass"); });
  loop.run_forever();
  say("stopped");
  loop.stop();
  loop.run_forever();
  say("one pass");
  const auto t = loop.create_task(slow());
  loop.call_later(1s, [&loop] { loop.stop(); });
  const auto error = error_of([&] { return loop.run_until_complete(t); });
  say(error, t.done());
  say(loop.run_until_complete(t));
  loop.call_soon([] { say("never"); });
  loop.close();
  loop.close();
  const auto closed = error_of([&] { return loop.call_soon([] { say("never"); }); });
  say(closed, loop.is_closed());
}

}  // namespace trace::loop_stop

TRACE(loop_stop) { trace::loop_stop::program(); }
