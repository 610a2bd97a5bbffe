// SPDX-License-Identifier: BSL-1.0
// Rows: T-pipe-02 T-pipe-03
#include "stackless_trace.hpp"

namespace trace::pipeline_queue {

sl::task<> producer(queue<int>& line) {
  try {
    for (int i = 0;; ++i) {
      co_await sl::put(line, i);
      say("put", i, now());
    }
  } catch (const cancelled_error&) {
    say("producer stops", now());
    throw;
  }
}

sl::task<> consumer(queue<int>& line) {
  for (;;) {
    const int i = co_await sl::get(line);
    co_await sl::sleep(1s);
    say("used", i, now());
    if (i == 2) throw std::invalid_argument("");
  }
}

sl::task<> begins(task_group& group, queue<int>& line) {
  static_cast<void>(group.async(producer(line)));
  static_cast<void>(group.async(consumer(line)));
  co_return;
}

sl::task<> program() {
  queue<int> line(2);
  const auto errors = co_await thrown_by(sl::task_group::run([&line](task_group& group) { return begins(group, line); }));
  say(errors, now());
  const std::size_t left = line.size();
  const int first = line.get_nowait();
  say(left, first, line.get_nowait());
}

}  // namespace trace::pipeline_queue

TRACE(pipeline_queue) { sl::run(trace::pipeline_queue::program()); }
