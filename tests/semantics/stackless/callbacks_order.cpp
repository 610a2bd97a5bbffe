// SPDX-License-Identifier: BSL-1.0
#include "stackless_trace.hpp"

namespace trace::callbacks_order {

sl::task<> speak() {
  say("a task between");
  co_return;
}

sl::task<> program() {
  event_loop& loop = get_running_loop();
  auto handle = loop.call_soon([] { say("never"); });
  loop.call_soon([&loop] {
    say("first");
    loop.call_soon([] { say("queued by first"); });
  });
  const auto t = sl::spawn(speak());
  loop.call_soon([] { say("last"); });
  handle.cancel();
  say("cancelled", handle.cancelled());
  co_await sl::yield();
  say("main again");
  co_await sl::yield();
}

}  // namespace trace::callbacks_order

TRACE(callbacks_order) { sl::run(trace::callbacks_order::program()); }
