// SPDX-License-Identifier: BSL-1.0
#include "stackless_trace.hpp"

namespace trace::pipeline_pull {

sl::generator<int> readings() {
  try {
    for (int i = 0; i < 100; ++i) {
      co_await sl::sleep(1s);
      co_yield i;
    }
  } catch (const cancelled_error&) {
    say("source cancelled", now());
    throw;
  }
}

sl::generator<int> kept(sl::generator<int> source, bool (*keep)(int)) {
  while (const auto i = co_await source.next()) {
    if (keep(*i)) co_yield *i;
  }
}

sl::generator<int> mapped(sl::generator<int> source, sl::task<int> (*f)(int)) {
  while (const auto i = co_await source.next()) {
    const int value = co_await f(*i);
    co_yield value;
  }
}

sl::task<int> square(int i) {
  co_await sl::sleep(500ms);
  co_return i* i;
}

bool is_third(int i) { return i % 3 == 0; }

sl::task<> read() {
  auto squares = mapped(kept(readings(), &is_third), &square);
  while (const auto i = co_await squares.next()) say("got", *i, now());
}

sl::task<> program() {
  const auto task = sl::spawn(read());
  co_await sl::sleep(10250ms);
  task.cancel();
  const auto error = co_await thrown_by(task);
  say(error, now());
  say(all_tasks().size());
}

}  // namespace trace::pipeline_pull

TRACE(pipeline_pull) { sl::run(trace::pipeline_pull::program()); }
