// SPDX-License-Identifier: BSL-1.0
#include "stackless_trace.hpp"

namespace trace::cancel_awaited {

sl::task<> inner() {
  std::exception_ptr cancelled;
  try {
    co_await sl::sleep(10s);
  } catch (const cancelled_error&) {
    cancelled = std::current_exception();
  }
  if (!cancelled) co_return;
  say("inner cleans up", now());
  co_await sl::sleep(2s);
  say("inner is clean", now());
  std::rethrow_exception(cancelled);
}

sl::task<> outer(task<> t) {
  try {
    co_await t;
  } catch (const cancelled_error&) {
    say("outer is told", now());
    throw;
  }
}

sl::task<> program() {
  const auto b = sl::spawn(inner());
  const auto a = sl::spawn(outer(b));
  const auto watcher = sl::spawn(thrown_by(b));
  co_await sl::sleep(1s);
  a.cancel();
  say("requests", a.cancelling(), b.cancelling());
  const auto error = co_await thrown_by(a);
  say(error, a.cancelled(), b.cancelled());
  const auto seen = co_await watcher;
  say("watcher", seen, watcher.cancelling());
}

}  // namespace trace::cancel_awaited

TRACE(cancel_awaited) { sl::run(trace::cancel_awaited::program()); }
