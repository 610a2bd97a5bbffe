// SPDX-License-Identifier: BSL-1.0
// Rows: T-wfor-12 T-wfor-13 T-wfor-14 T-wfor-15
#include "stackless_trace.hpp"

namespace trace::wait_for_inner {

sl::task<int> inner(const context_var<int>& number) {
  say("inner", current_task().get_name());
  number.set(number.get() + 1);
  co_await sl::sleep(1s);
  co_return 5;
}

sl::task<> fails_when_cancelled() {
  try {
    co_await sl::sleep(10s);
  } catch (const cancelled_error&) {
    throw std::invalid_argument("instead");
  }
}

sl::task<> program() {
  const context_var<int> number("number", 0);
  current_task().set_name("main");
  get_running_loop().call_soon([] { say("pass"); });
  const int first = co_await sl::wait_for(inner(number), 5s);
  say(first, number.get(), now());
  const auto own = sl::spawn({.name = "its own"}, inner(number));
  const int second = co_await sl::wait_for(own, 5s);
  say(second, number.get(), now());

  const auto t = sl::spawn(sl::wait_for(fails_when_cancelled(), 60s));
  co_await sl::sleep(1s);
  t.cancel();
  const auto error = co_await thrown_by(t);
  say(error, now());

  const future<int> f;
  const auto u = sl::spawn(sl::wait_for(f, 60s));
  co_await sl::sleep(1s);
  f.set_result(1);
  u.cancel();
  const auto late = co_await thrown_by(u);
  say(late, now());
}

}  // namespace trace::wait_for_inner

TRACE(wait_for_inner) { sl::run(trace::wait_for_inner::program()); }
