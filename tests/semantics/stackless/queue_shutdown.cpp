// SPDX-License-Identifier: BSL-1.0
// Rows: T-queue-14 T-queue-15 T-queue-16 T-queue-17 T-queue-18
#include "stackless_trace.hpp"

#include <string>
#include <vector>

namespace trace::queue_shutdown {

template <class T>
sl::task<> consumer(queue<T>& q, const char* name) {
  try {
    for (;;) {
      const T item = co_await sl::get(q);
      say(name, "got", item);
      q.task_done();
    }
  } catch (const queue_shut_down&) {
    say(name, "ends");
  }
}

template <class T>
sl::task<> producer(queue<T>& q, std::vector<T> items) {
  for (const T& item : items) {
    co_await sl::put(q, item);
    say("put", item);
  }
}

template <class T>
sl::task<> put(queue<T>& q, const char* item) {
  co_await sl::put(q, item);
}
template <class T>
sl::task<T> get(queue<T>& q) {
  co_return co_await sl::get(q);
}
template <class T>
sl::task<> join(queue<T>& q) {
  co_await sl::join(q);
}

sl::task<> gently() {
  queue<std::string> q(2);
  const std::vector<std::string> items{"a", "b", "c", "d"};
  const auto putting = sl::spawn(producer(q, items));
  co_await sl::yield();
  q.shutdown();
  const auto size = q.size();
  const auto error = co_await thrown_by(putting);
  const auto late = co_await thrown_by(put(q, "late"));
  say(size, error, late);
  co_await sl::gather(consumer(q, "first"), consumer(q, "second"));
  co_await sl::join(q);
  const auto end = co_await thrown_by(get(q));
  say("joined", end);
}

sl::task<> at_once() {
  queue<int> q;
  const auto waiting = sl::spawn(consumer(q, "waiting"));
  co_await sl::yield();
  const std::vector<int> items{1, 2, 3};
  co_await producer(q, items);
  const auto joining = sl::spawn(join(q));
  q.shutdown(true);
  say(q.size(), q.empty());
  co_await sl::gather(waiting, joining);
  const auto end = co_await thrown_by(get(q));
  say("joined", end);
}

}  // namespace trace::queue_shutdown

TRACE(queue_shutdown) {
  sl::run(trace::queue_shutdown::gently());
  sl::run(trace::queue_shutdown::at_once());
}
