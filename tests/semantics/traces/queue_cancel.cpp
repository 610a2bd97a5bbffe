// SPDX-License-Identifier: BSL-1.0
// Rows: T-queue-07 T-queue-08 T-queue-09 T-queue-10
#include "trace.hpp"

TRACE(queue_cancel) {
  run([] {
    queue<int> items(1);
    const auto get = [&](const char* name) {
      try {
        const int item = items.get();
        say(name, item, now());
      } catch (const cancelled_error&) {
        say(name, "cancelled", items.size());
        throw;
      }
    };
    const auto put = [&](int item) {
      try {
        items.put(item);
        say("put", item, now());
      } catch (const cancelled_error&) {
        say("put", item, "cancelled", items.size());
        throw;
      }
    };
    const auto settle = [&](auto&... tasks) {
      if constexpr (sizeof...(tasks) > 0) gather(return_exceptions, tasks...);
      say("size", items.size(), now());
    };
    auto a = async(get, "a");
    auto b = async(get, "b");
    sleep(1s);
    items.put_nowait(1);
    a.cancel();
    settle(a, b);
    auto c = async(get, "c");
    auto d = async(get, "d");
    sleep(1s);
    c.cancel();
    yield();
    items.put_nowait(2);
    settle(c, d);
    items.put_nowait(3);
    auto p = async(put, 4);
    auto q = async(put, 5);
    sleep(1s);
    say(items.get_nowait());
    p.cancel();
    settle(p, q);
    say(items.get_nowait());
    const auto late = error_of([&] { return wait_for([&] { return items.get(); }, 1s); });
    say(late, now());
    items.put_nowait(6);
    sleep(1s);
    settle();
  });
}
