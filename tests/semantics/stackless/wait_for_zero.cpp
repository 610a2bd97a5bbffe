// SPDX-License-Identifier: BSL-1.0
// Rows: T-wfor-04 T-wfor-05
#include "stackless_trace.hpp"

namespace trace::wait_for_zero {

sl::task<> never() {
  say("never");
  co_return;
}

sl::task<> slow() {
  try {
    co_await sl::sleep(10s);
  } catch (...) {
    say("stopped", now());
    throw;
  }
  say("stopped", now());
}

sl::task<> program() {
  const auto done = get_running_loop().create_future<std::string>();
  done.set_result("there already");
  const auto value = co_await sl::wait_for(done, 0s);
  say(value);
  const auto at_once = co_await thrown_by(sl::wait_for(never(), 0s));
  say(at_once);
  const auto running = sl::spawn(slow());
  co_await sl::sleep(1s);
  const auto error = co_await thrown_by(sl::wait_for(running, -1s));
  say(error, running.cancelled(), now());
}

}  // namespace trace::wait_for_zero

TRACE(wait_for_zero) { sl::run(trace::wait_for_zero::program()); }
