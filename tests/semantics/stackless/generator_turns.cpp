// SPDX-License-Identifier: BSL-1.0
#include "stackless_trace.hpp"

namespace trace::generator_turns {

sl::generator<std::string> names(int n) {
  for (int i = 0; i < n; ++i) {
    if (i % 2 == 1) co_await sl::yield();
    co_yield current_task().get_name();
  }
}

sl::task<> other() {
  for (int i = 0; i < 3; ++i) {
    say("other", i);
    co_await sl::yield();
  }
}

sl::task<> read(sl::generator<std::string>& g) {
  const auto name = co_await g.next();
  say(current_task().get_name(), *name);
}

sl::generator<int> slow() {
  co_await sl::sleep(1s);
  co_yield 1;
}
sl::task<int> first(sl::generator<int>& g) {
  const auto item = co_await g.next();
  co_return *item;
}

sl::task<> program() {
  const auto counting = sl::spawn(other());
  auto own = names(6);
  while (const auto name = co_await own.next()) say(*name == current_task().get_name());
  co_await counting;

  auto g = names(9);
  const auto a = sl::spawn({.name = "a"}, read(g));
  co_await a;
  const auto b = sl::spawn({.name = "b"}, read(g));
  co_await b;

  // Two at the same time.
  auto once = slow();
  const auto asking = sl::spawn(first(once));
  co_await sl::yield();
  const auto next_refused = co_await thrown_by(first(once));
  const auto close_refused = co_await thrown_by(once.close());
  say(next_refused, close_refused);
  const int item = co_await asking;
  say(item, now());
}

}  // namespace trace::generator_turns

TRACE(generator_turns) { sl::run(trace::generator_turns::program()); }
