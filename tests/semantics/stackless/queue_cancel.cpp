// SPDX-License-Identifier: BSL-1.0
// Rows: T-queue-07 T-queue-08 T-queue-09 T-queue-10
#include "stackless_trace.hpp"

namespace trace::queue_cancel {

sl::task<> get(queue<int>& items, const char* name) {
  try {
    const int item = co_await sl::get(items);
    say(name, item, now());
  } catch (const cancelled_error&) {
    say(name, "cancelled", items.size());
    throw;
  }
}

sl::task<> put(queue<int>& items, int item) {
  try {
    co_await sl::put(items, item);
    say("put", item, now());
  } catch (const cancelled_error&) {
    say("put", item, "cancelled", items.size());
    throw;
  }
}

sl::task<int> next(queue<int>& items) { co_return co_await sl::get(items); }

template <class... Task>
sl::task<> settle(queue<int>& items, Task... tasks) {
  co_await sl::gather(return_exceptions, tasks...);
  say("size", items.size(), now());
}

sl::task<> program() {
  queue<int> items(1);
  const auto a = sl::spawn(get(items, "a"));
  const auto b = sl::spawn(get(items, "b"));
  co_await sl::sleep(1s);
  items.put_nowait(1);
  a.cancel();
  co_await settle(items, a, b);
  const auto c = sl::spawn(get(items, "c"));
  const auto d = sl::spawn(get(items, "d"));
  co_await sl::sleep(1s);
  c.cancel();
  co_await sl::yield();
  items.put_nowait(2);
  co_await settle(items, c, d);
  items.put_nowait(3);
  const auto p = sl::spawn(put(items, 4));
  const auto q = sl::spawn(put(items, 5));
  co_await sl::sleep(1s);
  say(items.get_nowait());
  p.cancel();
  co_await settle(items, p, q);
  say(items.get_nowait());
  const auto late = co_await thrown_by(sl::wait_for(next(items), 1s));
  say(late, now());
  items.put_nowait(6);
  co_await sl::sleep(1s);
  co_await settle(items);
}

}  // namespace trace::queue_cancel

TRACE(queue_cancel) { sl::run(trace::queue_cancel::program()); }
