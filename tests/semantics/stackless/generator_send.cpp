// SPDX-License-Identifier: BSL-1.0
#include "stackless_trace.hpp"

namespace trace::generator_send {

sl::generator<int, int> averages() {
  int total = 0;
  int count = 0;
  int average = 0;
  for (;;) {
    const std::optional<int> value = co_yield average;
    if (!value) {
      say("no value");
      continue;
    }
    co_await sl::sleep(1s);
    total += *value;
    ++count;
    average = total / count;
  }
}

sl::task<> send_to(sl::generator<int, int>& g, int value) {
  const auto average = co_await g.send(value);
  if (average) {
    say(*average, now());
  } else {
    say("over", now());
  }
}

sl::task<> say_next(sl::generator<int, int>& g) {
  const auto item = co_await g.next();
  say(*item);
}

sl::task<> program() {
  auto g = averages();
  const auto too_early = co_await thrown_by(send_to(g, 1));
  say("RuntimeError" == too_early);
  co_await say_next(g);
  for (int value : {10, 20, 60}) co_await send_to(g, value);
  co_await say_next(g);
  co_await g.close();
  co_await send_to(g, 1);
}

}  // namespace trace::generator_send

TRACE(generator_send) { sl::run(trace::generator_send::program()); }
