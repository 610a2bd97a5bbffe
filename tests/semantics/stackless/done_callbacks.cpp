// SPDX-License-Identifier: BSL-1.0
#include "stackless_trace.hpp"

namespace trace::done_callbacks {

sl::task<> program() {
  event_loop& loop = get_running_loop();
  const auto f = loop.create_future<std::string>();
  f.add_done_callback([](const future<std::string>& done) { say("one", done.result()); });
  f.add_done_callback([] { say("two"); });
  loop.call_soon([] { say("before"); });
  f.set_result("x");
  loop.call_soon([] { say("after"); });
  say("none has run");
  f.add_done_callback([] { say("late"); });
  co_await sl::yield();
  say("main");
}

}  // namespace trace::done_callbacks

TRACE(done_callbacks) { sl::run(trace::done_callbacks::program()); }
