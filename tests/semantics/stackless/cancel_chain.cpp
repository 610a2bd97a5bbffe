// SPDX-License-Identifier: BSL-1.0
#include "stackless_trace.hpp"

namespace trace::cancel_chain {

sl::task<> leaf() {
  std::exception_ptr cancelled;
  try {
    co_await sl::sleep(100s);
  } catch (const cancelled_error&) {
    cancelled = std::current_exception();
  }
  if (!cancelled) co_return;
  co_await sl::sleep(3s);
  say("leaf is clean", now());
  std::rethrow_exception(cancelled);
}

sl::task<> link(const char* name, task<> on) {
  try {
    co_await on;
  } catch (const cancelled_error&) {
    say(name, "cancelled", now());
    throw;
  }
}

sl::task<> program() {
  const auto t = sl::spawn(leaf());
  const auto a = sl::spawn(link("a", t));
  const auto b = sl::spawn(link("b", a));
  co_await sl::sleep(1s);
  b.cancel();
  co_await sl::sleep(1s);
  say(b.done(), a.done(), t.done(), b.cancelling(), a.cancelling(), t.cancelling());
  const auto error = co_await thrown_by(b);
  say(error, b.cancelled(), a.cancelled(), t.cancelled(), now());
}

}  // namespace trace::cancel_chain

TRACE(cancel_chain) { sl::run(trace::cancel_chain::program()); }
