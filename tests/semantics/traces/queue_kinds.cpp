// SPDX-License-Identifier: BSL-1.0
// Rows: T-queue-06
#include "trace.hpp"

#include <string>

TRACE(queue_kinds) {
  run([] {
    const auto show = [](auto&& q) {
      for (const int item : {3, 1, 4, 1, 5, 9, 2, 6}) q.put_nowait(item);
      const auto take = [&](int count) {
        std::string line;
        for (int i = 0; i < count; ++i) line += (i == 0 ? "" : " ") + std::to_string(q.get());
        say(line);
      };
      take(5);
      q.put(0);
      take(4);
    };
    show(queue<int>());
    show(lifo_queue<int>());
    show(priority_queue<int>());
  });
}
