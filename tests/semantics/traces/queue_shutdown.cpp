// SPDX-License-Identifier: BSL-1.0
// Rows: T-queue-14 T-queue-15 T-queue-16 T-queue-17 T-queue-18
#include "trace.hpp"

#include <string>
#include <vector>

namespace {

template <class T>
void consume(nakh::queue<T>& q, const char* name) {
  try {
    for (;;) {
      const T item = q.get();
      trace::say(name, "got", item);
      q.task_done();
    }
  } catch (const nakh::queue_shut_down&) {
    trace::say(name, "ends");
  }
}

template <class T>
void produce(nakh::queue<T>& q, const std::vector<T>& items) {
  for (const T& item : items) {
    q.put(item);
    trace::say("put", item);
  }
}

}  // namespace

TRACE(queue_shutdown) {
  run([] {
    queue<std::string> q(2);
    auto putting = async([&] { produce(q, {"a", "b", "c", "d"}); });
    yield();
    q.shutdown();
    const auto size = q.size();
    const auto put = error_of([&] { putting.await(); });
    say(size, put, error_of([&] { q.put("late"); }));
    gather([&] { consume(q, "first"); }, [&] { consume(q, "second"); });
    q.join();
    say("joined", error_of([&] { return q.get(); }));
  });
  run([] {
    queue<int> q;
    auto waiting = async([&] { consume(q, "waiting"); });
    yield();
    produce(q, {1, 2, 3});
    auto joining = async([&] { q.join(); });
    q.shutdown(true);
    say(q.size(), q.empty());
    gather(waiting, joining);
    say("joined", error_of([&] { return q.get(); }));
  });
}
