// SPDX-License-Identifier: BSL-1.0
// Rows: T-shield-01 T-shield-02 T-shield-03 T-shield-04
#include "stackless_trace.hpp"

namespace trace::shield_cancel {

sl::task<std::string> work(bool fails) {
  co_await sl::sleep(2s);
  say("worked", now());
  if (fails) throw std::invalid_argument("");
  co_return "value";
}

sl::task<std::string> waits(task<std::string> on) { co_return co_await sl::shield(on); }

sl::task<> program() {
  auto t = sl::spawn(work(false));
  auto a = sl::spawn(waits(t));
  co_await sl::sleep(1s);
  a.cancel();
  const auto first = co_await thrown_by(a);
  say(first, t.cancelling(), now());
  const auto value = co_await t;
  say(value, now());
  t = sl::spawn(work(false));
  a = sl::spawn(waits(t));
  co_await sl::sleep(1s);
  t.cancel();
  const auto second = co_await thrown_by(a);
  say(second, a.cancelling(), now());
  const auto third = co_await thrown_by(sl::shield(work(true)));
  say(third, now());
  const auto fourth = co_await thrown_by(sl::wait_for(sl::shield(sl::spawn(work(false))), 1s));
  say(fourth, now());
  co_await sl::sleep(5s);
}

}  // namespace trace::shield_cancel

TRACE(shield_cancel) { sl::run(trace::shield_cancel::program()); }
