// SPDX-License-Identifier: BSL-1.0
// Rows: T-pipe-02 T-pipe-03
#include "trace.hpp"

TRACE(pipeline_queue) {
  run([] {
    queue<int> line(2);
    const auto producer = [&line] {
      try {
        for (int i = 0;; ++i) {
          line.put(i);
          say("put", i, now());
        }
      } catch (const cancelled_error&) {
        say("producer stops", now());
        throw;
      }
    };
    const auto consumer = [&line] {
      for (;;) {
        const int i = line.get();
        sleep(1s);
        say("used", i, now());
        if (i == 2) throw std::invalid_argument("");
      }
    };
    const std::string errors = error_of([&] {
      task_group::run([&](task_group& group) {
        static_cast<void>(group.async(producer));
        static_cast<void>(group.async(consumer));
      });
    });
    say(errors, now());
    const std::size_t left = line.size();
    const int first = line.get_nowait();
    say(left, first, line.get_nowait());
  });
}
