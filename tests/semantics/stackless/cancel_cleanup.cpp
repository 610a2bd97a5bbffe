// SPDX-License-Identifier: BSL-1.0
#include "stackless_trace.hpp"

namespace trace::cancel_cleanup {

sl::task<> cleans_up() {
  std::exception_ptr cancelled;
  try {
    co_await sl::sleep(100s);
  } catch (...) {
    cancelled = std::current_exception();
  }
  say("cleanup begins", now());
  try {
    co_await sl::sleep(5s);
    say("never");
  } catch (...) {
    say("cleanup interrupted", current_task().cancelling(), now());
    throw;
  }
  if (cancelled) std::rethrow_exception(cancelled);
}

sl::task<> program() {
  const auto t = sl::spawn(cleans_up());
  co_await sl::sleep(1s);
  t.cancel();
  co_await sl::sleep(2s);
  t.cancel();
  const auto error = co_await thrown_by(t);
  say(error, t.cancelling(), now());
  say(t.cancel(), t.cancelled());
}

}  // namespace trace::cancel_cleanup

TRACE(cancel_cleanup) { sl::run(trace::cancel_cleanup::program()); }
