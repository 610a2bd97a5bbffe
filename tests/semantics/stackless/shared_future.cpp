// SPDX-License-Identifier: BSL-1.0
// Rows: T-cancel-17 T-cancel-18
#include "stackless_trace.hpp"

namespace trace::shared_future {

sl::task<> waits(future<std::string> on, const char* name) {
  const auto error = co_await thrown_by(on);
  say(name, error);
}

sl::task<> gets(future<std::string> on, const char* name) {
  const auto value = co_await on;
  say(name, value);
}

sl::task<> program() {
  event_loop& loop = get_running_loop();
  const auto f = loop.create_future<std::string>();
  const auto a = sl::spawn(waits(f, "a"));
  const auto b = sl::spawn(waits(f, "b"));
  co_await sl::yield();
  a.cancel();
  co_await b;
  say(f.cancelled());
  const auto g = loop.create_future<std::string>();
  const auto c = sl::spawn(gets(g, "c"));
  const auto d = sl::spawn(gets(g, "d"));
  co_await sl::yield();
  g.set_result("value");
  say(c.cancel());
  const auto error = co_await thrown_by(c);
  say(error);
  co_await d;
}

}  // namespace trace::shared_future

TRACE(shared_future) { sl::run(trace::shared_future::program()); }
