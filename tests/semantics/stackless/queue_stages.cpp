// SPDX-License-Identifier: BSL-1.0
// Rows: T-pipe-02
#include "stackless_trace.hpp"

#include <optional>
#include <tuple>

namespace trace::queue_stages {

using items = queue<std::optional<int>>;  // none: the end

sl::task<> source(items& out) {
  for (int i = 0; i < 5; ++i) {
    co_await sl::put(out, i);
    say("source", i, now());
  }
  co_await sl::put(out, std::nullopt);
}

sl::task<> stage(const char* name, int (*f)(int), int pause, items& into, items& out) {
  for (;;) {
    const auto item = co_await sl::get(into);
    if (!item) break;
    co_await sl::sleep(std::chrono::seconds(pause));
    co_await sl::put(out, f(*item));
    say(name, *item, now());
  }
  co_await sl::put(out, std::nullopt);
}

sl::task<int> sink(items& into) {
  int total = 0;
  for (;;) {
    const auto item = co_await sl::get(into);
    if (!item) break;
    say("sink", *item, now());
    total += *item;
  }
  co_return total;
}

int twice(int i) { return 2 * i; }
int one_more(int i) { return i + 1; }

sl::task<> program() {
  items first(1);
  items second(1);
  items third(1);
  const auto all =
      co_await sl::gather(source(first), stage("double", &twice, 1, first, second), stage("add", &one_more, 2, second, third), sink(third));
  say(std::get<3>(all), now(), first.empty() && second.empty() && third.empty());
}

}  // namespace trace::queue_stages

TRACE(queue_stages) { sl::run(trace::queue_stages::program()); }
