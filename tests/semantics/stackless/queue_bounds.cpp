// SPDX-License-Identifier: BSL-1.0
// Rows: T-queue-01 T-queue-02 T-queue-03 T-queue-04 T-queue-05 T-queue-19
#include "stackless_trace.hpp"

#include <string>

namespace trace::queue_bounds {

sl::task<> producer(queue<std::string>& q, const char* name, int count) {
  for (int i = 0; i < count; ++i) {
    co_await sl::put(q, name + std::to_string(i));
    say(name, "put", i, q.size(), now());
  }
}

sl::task<> consumer(queue<std::string>& q, int pause) {
  for (int i = 0; i < 6; ++i) {
    const auto item = co_await sl::get(q);
    say("got", item, q.size(), q.full(), now());
    co_await sl::sleep(std::chrono::seconds(pause));
  }
}

sl::task<> program() {
  queue<std::string> q(2);
  co_await sl::gather(producer(q, "a", 4), producer(q, "b", 2), consumer(q, 1));
  say(q.empty(), q.max_size());
  const auto empty = error_of([&] { return q.get_nowait(); });
  say(empty, q.size());
  const auto full = error_of([&] {
    for (int i = 0; i < 3; ++i) q.put_nowait(std::to_string(i));
  });
  say(full, q.size());
}

}  // namespace trace::queue_bounds

TRACE(queue_bounds) { sl::run(trace::queue_bounds::program()); }
