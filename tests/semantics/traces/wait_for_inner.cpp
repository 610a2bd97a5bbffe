// SPDX-License-Identifier: BSL-1.0
// Rows: T-wfor-12 T-wfor-13 T-wfor-14 T-wfor-15
#include "trace.hpp"

TRACE(wait_for_inner) {
  const context_var<int> number("number", 0);
  const auto inner = [&] {
    say("inner", current_task().get_name());
    number.set(number.get() + 1);
    sleep(1s);
    return 5;
  };
  const auto fails_when_cancelled = [] {
    try {
      sleep(10s);
    } catch (const cancelled_error&) {
      throw std::invalid_argument("instead");
    }
  };
  run([&] {
    current_task().set_name("main");
    get_running_loop().call_soon([] { say("pass"); });
    const int first = wait_for(inner, 5s);
    say(first, number.get(), now());
    const int second = wait_for(async({.name = "its own"}, inner), 5s);
    say(second, number.get(), now());

    auto t = async([&] { wait_for(fails_when_cancelled, 60s); });
    sleep(1s);
    t.cancel();
    const auto error = error_of([&] { t.await(); });
    say(error, now());

    const future<int> f;
    auto u = async([&] { return wait_for(f, 60s); });
    sleep(1s);
    f.set_result(1);
    u.cancel();
    const auto late = error_of([&] { return u.await(); });
    say(late, now());
  });
}
