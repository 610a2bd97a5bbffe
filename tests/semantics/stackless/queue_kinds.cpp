// SPDX-License-Identifier: BSL-1.0
// Rows: T-queue-06
#include "stackless_trace.hpp"

#include <string>

namespace trace::queue_kinds {

template <class Queue>
sl::task<> show(Queue& q) {
  for (const int item : {3, 1, 4, 1, 5, 9, 2, 6}) q.put_nowait(item);
  std::string line;
  for (int i = 0; i < 5; ++i) line += (i == 0 ? "" : " ") + std::to_string(q.get_nowait());
  say(line);
  co_await sl::put(q, 0);
  line.clear();
  for (int i = 0; i < 4; ++i) {
    const int item = co_await sl::get(q);
    line += (i == 0 ? "" : " ") + std::to_string(item);
  }
  say(line);
}

sl::task<> program() {
  queue<int> first_in;
  lifo_queue<int> last_in;
  priority_queue<int> smallest;
  co_await show(first_in);
  co_await show(last_in);
  co_await show(smallest);
}

}  // namespace trace::queue_kinds

TRACE(queue_kinds) { sl::run(trace::queue_kinds::program()); }
