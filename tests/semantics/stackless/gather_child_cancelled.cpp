// SPDX-License-Identifier: BSL-1.0
#include "stackless_trace.hpp"

namespace trace::gather_child_cancelled {

sl::task<> job(const char* name) {
  co_await sl::sleep(2s);
  say(name, now());
}

sl::task<> program() {
  const auto victim = sl::spawn(job("victim"));
  const auto other = sl::spawn(job("other"));
  const auto g = sl::gather(victim, other);
  get_running_loop().call_later(1s, [victim] { victim.cancel(); });
  const auto error = co_await thrown_by(g);
  say(error, g.cancelled(), g.cancel(), current_task().cancelling(), now());
  co_await other;
}

}  // namespace trace::gather_child_cancelled

TRACE(gather_child_cancelled) { sl::run(trace::gather_child_cancelled::program()); }
