// SPDX-License-Identifier: BSL-1.0
// Rows: T-queue-01 T-queue-02 T-queue-03 T-queue-04 T-queue-05 T-queue-19
#include "trace.hpp"

#include <string>

TRACE(queue_bounds) {
  run([] {
    queue<std::string> q(2);
    const auto producer = [&](const char* name, int count) {
      for (int i = 0; i < count; ++i) {
        q.put(name + std::to_string(i));
        say(name, "put", i, q.size(), now());
      }
    };
    const auto consumer = [&](int pause) {
      for (int i = 0; i < 6; ++i) {
        const auto item = q.get();
        say("got", item, q.size(), q.full(), now());
        sleep(std::chrono::seconds(pause));
      }
    };
    gather([&] { producer("a", 4); }, [&] { producer("b", 2); }, [&] { consumer(1); });
    say(q.empty(), q.max_size());
    const auto empty = error_of([&] { return q.get_nowait(); });
    say(empty, q.size());
    const auto full = error_of([&] {
      for (int i = 0; i < 3; ++i) q.put_nowait(std::to_string(i));
      return 0;
    });
    say(full, q.size());
  });
}
