// SPDX-License-Identifier: BSL-1.0
// Rows: T-queue-11 T-queue-12 T-queue-13
#include "stackless_trace.hpp"

#include <vector>

namespace trace::queue_join {

sl::task<> worker(queue<int>& q, const char* name) {
  for (;;) {
    const int item = co_await sl::get(q);
    co_await sl::sleep(std::chrono::seconds(item));
    say(name, item, now());
    q.task_done();
  }
}

sl::task<> joins(queue<int>& q) { co_await sl::join(q); }

sl::task<> program() {
  queue<int> q;
  co_await sl::join(q);
  for (const int item : {3, 1, 2, 1}) q.put_nowait(item);
  std::vector<task<>> workers;
  for (const char* name : {"a", "b"}) workers.push_back(sl::spawn(worker(q, name)));
  co_await sl::gather(joins(q), joins(q));
  say("joined", q.empty(), now());
  q.put_nowait(1);
  const auto too_early = co_await thrown_by(sl::wait_for(joins(q), 500ms));
  say(too_early, now());
  co_await sl::join(q);
  for (const auto& w : workers) w.cancel();
  const auto ends = co_await sl::gather(return_exceptions, workers);
  say(error_name(ends[0].error()), error_name(ends[1].error()), now());
  say(error_of([&] { q.task_done(); }));
}

}  // namespace trace::queue_join

TRACE(queue_join) { sl::run(trace::queue_join::program()); }
