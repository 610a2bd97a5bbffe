// SPDX-License-Identifier: BSL-1.0
#include "stackless_trace.hpp"

#include <vector>

namespace trace::cancel_late {

sl::task<> waits(future<std::string> f, std::string name) {
  try {
    const auto got = co_await f;
    say(name, "got", got);
  } catch (const cancelled_error&) {
    say(name, "cancelled, and the future is", f.result());
    throw;
  }
}

sl::task<> result_first() {
  const auto f = get_running_loop().create_future<std::string>();
  const auto t = sl::spawn(waits(f, "result"));
  co_await sl::yield();
  f.set_result("set");
  say(t.cancel());
  const auto error = co_await thrown_by(t);
  say(error, f.cancelled());
}

sl::task<> cancel_first() {
  const auto f = get_running_loop().create_future<std::string>();
  const auto t = sl::spawn(waits(f, "cancel"));
  co_await sl::yield();
  const bool effect = t.cancel();
  say(effect, f.cancelled());
  const std::vector<task<>> one = {t};
  const auto error = co_await thrown_by(sl::wait(one));
  say(error, t.cancelled());
}

sl::task<> program() {
  co_await result_first();
  co_await cancel_first();
}

}  // namespace trace::cancel_late

TRACE(cancel_late) { sl::run(trace::cancel_late::program()); }
