// SPDX-License-Identifier: BSL-1.0
#include "stackless_trace.hpp"

namespace trace::cancel_before_start {

sl::task<> never() {
  try {
    say("never");
  } catch (...) {
    say("nor this");
  }
  co_return;
}

sl::task<> program() {
  const auto t = sl::spawn(never());
  const bool accepted = t.cancel();
  say(accepted, t.cancelling(), t.cancelled());
  const auto error = co_await thrown_by(t);
  const bool cancelled = t.cancelled();
  const bool again = t.cancel();
  say(error, cancelled, again, t.cancelling());
}

}  // namespace trace::cancel_before_start

TRACE(cancel_before_start) { sl::run(trace::cancel_before_start::program()); }
