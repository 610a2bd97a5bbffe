// SPDX-License-Identifier: BSL-1.0
#include "stackless_trace.hpp"

namespace trace::error_chain {

sl::task<> fails() {
  co_await sl::sleep(1s);
  throw std::invalid_argument("");
}

sl::task<> middle(task<> t) {
  struct at_end {
    ~at_end() { say("through the middle", now()); }
  } const finally;
  co_await t;
}

sl::task<> program() {
  const auto t = sl::spawn(fails());
  const auto a = sl::spawn(middle(t));
  const auto b = sl::spawn(middle(a));
  const auto first = co_await thrown_by(b);
  say(first);
  const auto of_t = co_await thrown_by(t);
  const auto of_a = co_await thrown_by(a);
  const auto of_b = co_await thrown_by(b);
  say(of_t, of_a, of_b, now());
  say(t.done(), t.cancelled(), t.exception() == a.exception() && a.exception() == b.exception());
}

}  // namespace trace::error_chain

TRACE(error_chain) { sl::run(trace::error_chain::program()); }
