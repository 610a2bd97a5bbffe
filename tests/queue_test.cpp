// SPDX-License-Identifier: BSL-1.0
#include <nakh/queue.hpp>

#include "support/allocations.hpp"
#include "support/fixture.hpp"

#include <nakh/gather.hpp>
#include <nakh/timeout.hpp>

#include <algorithm>
#include <functional>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace nakh;
using namespace nakh::test;
using namespace std::chrono_literals;

namespace {

/// The name of the error that leaves `f`.
template <class F>
std::string how_ends(F&& f) {
  try {
    static_cast<void>(f());
    return "well";
  } catch (const queue_full&) {
    return "full";
  } catch (const queue_empty&) {
    return "empty";
  } catch (const queue_shut_down&) {
    return "shut-down";
  }
}

/// Takes an item; says its name with the item, or how it ended.
template <class Queue>
auto getter(trace& says, Queue& q, std::string name) {
  return async([&says, &q, name = std::move(name)] {
    try {
      says(name, q.get());
    } catch (const queue_shut_down&) {
      says(name + "-shut-down");
    } catch (const cancelled_error&) {
      says(name + "-cancelled");
      throw;
    }
  });
}
/// Puts an item; says its name, or how it ended.
template <class Queue>
auto putter(trace& says, Queue& q, int item, std::string name) {
  return async([&says, &q, item, name = std::move(name)] {
    try {
      q.put(item);
      says(name);
    } catch (const queue_shut_down&) {
      says(name + "-shut-down");
    } catch (const cancelled_error&) {
      says(name + "-cancelled");
      throw;
    }
  });
}

template <class Queue>
std::string rest_of(Queue& q) {
  trace items;
  while (!q.empty()) items("", q.get_nowait());
  return items.take();
}

}  // namespace

TEST_CASE_FIXTURE(fixture, "T-queue-01: an item is there, or room: get and put do not wait") {
  run([&] {
    queue<int> q(2);
    auto other = async([&] { say("other"); });
    q.put(1);
    q.put(2);
    CHECK(q.size() == 2);
    CHECK(q.full());
    CHECK(q.get() == 1);
    CHECK(q.get() == 2);
    CHECK(q.empty());
    CHECK(say.take().empty());
    other.await();
  });
}

TEST_CASE_FIXTURE(fixture, "T-queue-02: full: put waits; each get lets the first of them in") {
  run([&] {
    queue<int> q(1);
    auto a = putter(say, q, 1, "a");
    auto b = putter(say, q, 2, "b");
    auto c = putter(say, q, 3, "c");
    give_up_passes(3);
    CHECK(say.take() == "a");
    CHECK(q.full());
    CHECK(q.get() == 1);
    give_up_passes(3);
    CHECK(say.take() == "b");
    CHECK(q.get() == 2);
    CHECK(q.get() == 3);
    gather(a, b, c);
  });
  CHECK(say.take() == "c");
}

TEST_CASE_FIXTURE(fixture, "T-queue-03: put_nowait into a full one and get_nowait from an empty one are errors") {
  queue<int> q(1);
  CHECK_THROWS_WITH_AS(static_cast<void>(q.get_nowait()), "nakh: the queue is empty; use get to wait for an item", queue_empty);
  q.put_nowait(1);
  CHECK_THROWS_WITH_AS(q.put_nowait(2), "nakh: the queue is full; use put to wait for room", queue_full);
  CHECK(q.get_nowait() == 1);
  CHECK(q.empty());
}

TEST_CASE_FIXTURE(fixture, "T-queue-04: room for one who waits: it is woken, and its item enters when it runs") {
  run([&] {
    queue<int> q(1);
    q.put(1);
    auto a = putter(say, q, 2, "a");
    yield();
    CHECK(q.get_nowait() == 1);
    CHECK(q.empty());
    q.put_nowait(3);  // another one may take the room meanwhile
    give_up_passes(2);
    CHECK(say.take().empty());
    CHECK(q.get() == 3);
    CHECK(q.get() == 2);
    a.await();
  });
}

TEST_CASE_FIXTURE(fixture, "T-queue-05: getters are served as they came; the item counts until its getter runs") {
  run([&] {
    queue<int> q;
    auto a = getter(say, q, "a");
    auto b = getter(say, q, "b");
    yield();
    q.put_nowait(1);
    q.put_nowait(2);
    CHECK(q.size() == 2);
    gather(a, b);
    CHECK(q.empty());
  });
  CHECK(say.take() == "a1 b2");
}

TEST_CASE_FIXTURE(fixture, "T-queue-06: lifo: the newest first; priority: the smallest, equal ones as they were put") {
  lifo_queue<int> l;
  priority_queue<int> p;
  priority_queue<int, std::greater<>> g;
  for (const int i : {3, 1, 4, 1, 5}) {
    l.put_nowait(i);
    p.put_nowait(i);
    g.put_nowait(i);
  }
  CHECK(rest_of(l) == "5 1 4 1 3");
  CHECK(rest_of(p) == "1 1 3 4 5");
  CHECK(rest_of(g) == "5 4 3 1 1");
  struct by_first {
    bool operator()(const std::pair<int, int>& a, const std::pair<int, int>& b) const { return a.first < b.first; }
  };
  priority_queue<std::pair<int, int>, by_first> pairs;
  for (int i = 0; i < 6; ++i) pairs.put_nowait({i % 2, i});
  trace order;
  while (!pairs.empty()) order("", pairs.get_nowait().second);
  CHECK(order.take() == "0 2 4 1 3 5");
}

TEST_CASE_FIXTURE(fixture, "T-queue-07: a getter that was chosen is cancelled before it runs: the next one has the item") {
  run([&] {
    queue<int> q;
    auto a = getter(say, q, "a");
    auto b = getter(say, q, "b");
    yield();
    q.put_nowait(1);
    a.cancel();
    b.await();
    CHECK(a.cancelled());
    CHECK(q.empty());
    // Many in a row, and none is left: the item stays.
    std::vector<task<>> all;
    for (int i = 0; i < 10; ++i) all.push_back(getter(say, q, "x"));
    yield();
    q.put_nowait(2);
    for (auto& t : all) t.cancel();
    gather(return_exceptions, all);
    CHECK(q.size() == 1);
    CHECK(q.get() == 2);
  });
  CHECK(say.take() ==
        "a-cancelled b1 x-cancelled x-cancelled x-cancelled x-cancelled x-cancelled x-cancelled x-cancelled x-cancelled "
        "x-cancelled x-cancelled");
}

TEST_CASE_FIXTURE(fixture, "T-queue-08: a getter that waits is cancelled: a later item goes to the next, or stays") {
  run([&] {
    queue<int> q;
    auto a = getter(say, q, "a");
    auto b = getter(say, q, "b");
    yield();
    a.cancel();
    q.put_nowait(1);
    b.await();
    auto c = getter(say, q, "c");
    yield();
    c.cancel();
    give_up_passes(2);
    q.put_nowait(2);
    give_up_passes(2);
    CHECK(q.size() == 1);
  });
  CHECK(say.take() == "a-cancelled b1 c-cancelled");
}

TEST_CASE_FIXTURE(fixture,
                  "T-queue-09: a putter that was given room is cancelled before it runs: its item stays out, the next one enters") {
  run([&] {
    queue<int> q(1);
    q.put(0);
    auto a = putter(say, q, 1, "a");
    auto b = putter(say, q, 2, "b");
    yield();
    CHECK(q.get_nowait() == 0);
    a.cancel();
    b.await();
    CHECK(a.cancelled());
    CHECK(rest_of(q) == "2");
    // Cancelled while it waits, with nobody behind it.
    q.put(3);
    auto c = putter(say, q, 4, "c");
    yield();
    c.cancel();
    give_up_passes(2);
    CHECK(rest_of(q) == "3");
    q.put_nowait(5);
  });
  CHECK(say.take() == "a-cancelled b c-cancelled");
}

TEST_CASE_FIXTURE(fixture, "T-queue-10: a timeout around get: the next item is not swallowed") {
  run([&] {
    queue<int> q;
    CHECK(caught([&] { wait_for([&] { return q.get(); }, 1s); }) == "timeout_error");
    q.put_nowait(1);
    give_up_passes(2);
    CHECK(q.size() == 1);
    CHECK(wait_for([&] { return q.get(); }, 1s) == 1);
    CHECK(get_running_loop().pending_timers() == 0);
    CHECK(now() == 1000);
  });
}

TEST_CASE_FIXTURE(fixture, "T-queue-11: join waits until the work with each item is done, and wakes all who wait") {
  run([&] {
    queue<int> q;
    for (int i = 0; i < 3; ++i) q.put_nowait(i);
    const auto joins = [&](const char* name) {
      return async([&, name] {
        q.join();
        say(name);
      });
    };
    auto a = joins("a");
    auto b = joins("b");
    for (int i = 0; i < 3; ++i) {
      CHECK(q.get() == i);
      give_up_passes(2);
      CHECK(say.take().empty());
      q.task_done();
    }
    CHECK(q.empty());
    gather(a, b);
  });
  CHECK(say.take() == "a b");
}

TEST_CASE_FIXTURE(fixture, "T-queue-12: task_done more often than items were put is an error") {
  queue<int> q;
  CHECK_THROWS_WITH_AS(q.task_done(), "nakh: task_done was called more often than items were put", std::invalid_argument);
  q.put_nowait(1);
  q.task_done();  // before it is taken: allowed
  CHECK_THROWS_AS(q.task_done(), std::invalid_argument);
}

TEST_CASE_FIXTURE(fixture, "T-queue-13: join with nothing unfinished does not wait; a new item makes it wait again") {
  run([&] {
    queue<int> q;
    auto other = async([&] { say("other"); });
    q.join();
    CHECK(say.take().empty());
    q.put_nowait(1);
    auto a = async([&] {
      q.join();
      say("joined");
    });
    give_up_passes(2);
    CHECK(say.take() == "other");
    q.task_done();
    gather(a, other);
    // It is woken, and something new comes before it runs: it was done, and says so.
    q.put_nowait(2);
    auto b = async([&] {
      q.join();
      say("joined");
    });
    yield();
    q.task_done();
    q.put_nowait(3);
    b.await();
  });
  CHECK(say.take() == "joined joined");
}

TEST_CASE_FIXTURE(fixture, "T-queue-14: shut down: who waits to put and every later put get the error; join goes on waiting") {
  run([&] {
    queue<int> q(1);
    q.put(1);
    auto a = putter(say, q, 2, "a");
    auto joins = async([&] {
      q.join();
      say("joined");
    });
    yield();
    q.shutdown();
    a.await();
    CHECK(how_ends([&] { return q.put(3), 0; }) == "shut-down");
    CHECK(how_ends([&] { return q.put_nowait(3), 0; }) == "shut-down");
    give_up_passes(2);
    CHECK(say.take() == "a-shut-down");
    CHECK(q.get() == 1);
    q.task_done();
    joins.await();
  });
  CHECK(say.take() == "joined");
}

TEST_CASE_FIXTURE(fixture, "T-queue-15: shut down with items left: they are served, then it is the error") {
  run([&] {
    queue<int> q;
    q.put(1);
    q.put(2);
    q.shutdown();
    CHECK(q.get() == 1);
    CHECK(q.get_nowait() == 2);
    CHECK(how_ends([&] { return q.get(); }) == "shut-down");
    CHECK(how_ends([&] { return q.get_nowait(); }) == "shut-down");
  });
}

TEST_CASE_FIXTURE(fixture, "T-queue-16: shut down while empty: all who wait to get have the error; again is harmless") {
  run([&] {
    queue<int> q;
    auto a = getter(say, q, "a");
    auto b = getter(say, q, "b");
    yield();
    q.shutdown();
    q.shutdown();
    gather(a, b);
    q.shutdown(true);
  });
  CHECK(say.take() == "a-shut-down b-shut-down");
}

TEST_CASE_FIXTURE(fixture, "T-queue-17: shut down at once: items are dropped and count as done; join waits for those that were taken") {
  run([&] {
    queue<std::shared_ptr<int>> q;
    const auto item = std::make_shared<int>(1);
    for (int i = 0; i < 3; ++i) q.put_nowait(item);
    CHECK(q.get() == item);
    auto joins = async([&] {
      q.join();
      say("joined");
    });
    yield();
    q.shutdown(true);
    CHECK(q.empty());
    CHECK(item.use_count() == 1);
    CHECK(how_ends([&] { return q.get(); }) == "shut-down");
    CHECK(how_ends([&] { return q.put(item), 0; }) == "shut-down");
    give_up_passes(2);
    CHECK(say.take().empty());
    q.task_done();
    joins.await();
  });
  CHECK(say.take() == "joined");
}

TEST_CASE_FIXTURE(fixture, "T-queue-18: shut down at once with nothing in work: join is released, and task_done is an error") {
  run([&] {
    queue<int> q;
    q.put_nowait(1);
    q.put_nowait(2);
    auto joins = async([&] {
      q.join();
      say("joined");
    });
    yield();
    q.shutdown(true);
    joins.await();
    CHECK_THROWS_AS(q.task_done(), std::invalid_argument);
  });
  CHECK(say.take() == "joined");
}

TEST_CASE_FIXTURE(fixture, "T-queue-19: no bound when it is 0 or less; many producers and consumers of a small one always get on") {
  CHECK(queue<int>().max_size() == 0);
  CHECK(queue<int>(-3).max_size() == 0);
  CHECK(queue<int>(3).max_size() == 3);
  queue<int> endless(-1);
  for (int i = 0; i < 1000; ++i) endless.put_nowait(i);
  CHECK_FALSE(endless.full());
  run([&] {
    queue<int> q(1);
    int sum = 0;
    std::vector<task<>> all;
    for (int i = 0; i < 20; ++i) {
      all.push_back(async([&] {
        for (int n = 1; n <= 10; ++n) q.put(n);
      }));
      all.push_back(async([&] {
        for (int n = 1; n <= 10; ++n) sum += q.get();
      }));
    }
    gather(all);
    CHECK(sum == 20 * 55);
    CHECK(q.empty());
  });
}

// --- Items of all kinds ---

TEST_CASE_FIXTURE(fixture, "items that can only be moved") {
  const auto one_and_two = [](auto& q) {
    q.put_nowait(std::make_unique<int>(1));
    q.put_nowait(std::make_unique<int>(2));
    const int first = *q.get_nowait();
    return std::pair(first, *q.get_nowait());
  };
  struct by_value {
    bool operator()(const std::unique_ptr<int>& a, const std::unique_ptr<int>& b) const { return *a < *b; }
  };
  queue<std::unique_ptr<int>> f;
  lifo_queue<std::unique_ptr<int>> l;
  priority_queue<std::unique_ptr<int>, by_value> p;
  CHECK(one_and_two(f) == std::pair(1, 2));
  CHECK(one_and_two(l) == std::pair(2, 1));
  CHECK(one_and_two(p) == std::pair(1, 2));
}

namespace {

/// Throws instead of the n-th move.
struct brittle {
  explicit brittle(int v) : value(v) {}
  brittle(brittle&& other) : value(other.value) {
    if (moves_left-- == 0) throw std::runtime_error("brittle");
  }
  brittle& operator=(brittle&&) = delete;
  friend bool operator<(const brittle& a, const brittle& b) {
    if (comparisons_left-- == 0) throw std::runtime_error("incomparable");
    return a.value < b.value;
  }
  int value;
  inline static int moves_left = -1;
  inline static int comparisons_left = -1;
};

}  // namespace

TEST_CASE_TEMPLATE("an item that cannot be moved in or out: the error, and all others are where they were", Queue, queue<brittle>,
                   priority_queue<brittle>) {
  Queue q;
  const auto put = [&q](int value) { q.put_nowait(brittle(value)); };
  put(1);
  put(2);
  brittle::moves_left = 0;
  CHECK(caught([&] { put(3); }) == "brittle");
  CHECK(q.size() == 2);
  brittle::moves_left = 0;
  CHECK(caught([&] { static_cast<void>(q.get_nowait()); }) == "brittle");
  CHECK(q.size() == 2);
  brittle::moves_left = -1;
  CHECK(q.get_nowait().value == 1);
  CHECK(q.get_nowait().value == 2);
  CHECK(q.empty());
}

TEST_CASE_FIXTURE(fixture, "a comparison that throws: the item stays out, and room that it was given goes to the next putter") {
  run([&] {
    priority_queue<brittle> q(2);
    q.put(brittle(1));
    q.put(brittle(2));
    auto a = async([&] { say(caught([&] { q.put(brittle(3)); })); });
    auto b = async([&] {
      q.put(brittle(4));
      say("b");
    });
    yield();
    brittle::comparisons_left = 0;
    CHECK(q.get().value == 1);
    gather(a, b);
    brittle::comparisons_left = -1;
    CHECK(q.get().value == 2);
    CHECK(q.get().value == 4);
    CHECK(q.empty());
  });
  CHECK(say.take() == "incomparable b");
}

TEST_CASE_FIXTURE(fixture, "an item that cannot be moved out: the next getter is woken for it") {
  run([&] {
    queue<brittle> q;
    auto a = async([&] { say(caught([&] { static_cast<void>(q.get()); })); });
    auto b = async([&] { say("b", q.get().value); });
    yield();
    q.put_nowait(brittle(7));
    brittle::moves_left = 0;
    a.await();
    brittle::moves_left = -1;
    b.await();
  });
  CHECK(say.take() == "brittle b7");
}

TEST_CASE_FIXTURE(fixture, "to wait in a queue allocates nothing") {
  if (!allocations_are_ours()) return;
  run([&] {
    queue<int> q(1);
    auto puts = async([&] {
      for (int i = 0; i < 100; ++i) q.put(i);
    });
    for (int i = 0; i < 50; ++i) CHECK(q.get() == i);
    const long before = allocator.made;
    for (int i = 50; i < 58; ++i) static_cast<void>(q.get());
    CHECK(allocator.made - before <= 1);  // the deque's next block
    for (int i = 58; i < 100; ++i) CHECK(q.get() == i);
    puts.await();
  });
}

// --- Misuse and lifetimes ---

TEST_CASE_FIXTURE(loop_fixture, "a queue outside a task: whatever needs no waiting works, to wait is an error") {
  queue<int> q(1);
  q.put(1);
  CHECK_THROWS_WITH_AS(q.put(2), doctest::Contains("only a task can wait for a queue's room"), usage_error);
  CHECK(q.get() == 1);
  CHECK_THROWS_WITH_AS(static_cast<void>(q.get()), doctest::Contains("only a task can wait for a queue's item"), usage_error);
  q.put(3);
  CHECK_THROWS_WITH_AS(q.join(), doctest::Contains("only a task can wait for a queue's end"), usage_error);
  CHECK(q.size() == 1);
}

TEST_CASE_FIXTURE(fixture, "a queue is destroyed while tasks wait in it: they wait until they are cancelled") {
  run([&] {
    auto q = std::make_unique<queue<int>>(1);
    auto a = getter(say, *q, "a");
    yield();
    q.reset();
    give_up_passes(2);
    CHECK_FALSE(a.done());
    a.cancel();
    CHECK(caught([&] { a.await(); }) == "cancelled_error");
    // One that was woken already has nothing to take from.
    q = std::make_unique<queue<int>>(1);
    auto b = async([&, own = q.get()] { say(caught([&] { static_cast<void>(own->get()); })); });
    yield();
    q->put_nowait(1);
    q.reset();
    b.await();
    // Whose wait for the end was over before goes on.
    q = std::make_unique<queue<int>>();
    q->put_nowait(1);
    auto c = async([&, own = q.get()] {
      own->join();
      say("joined");
    });
    yield();
    q->task_done();
    q.reset();
    c.await();
  });
  CHECK(say.take() == "a-cancelled usage_error joined");
}

TEST_CASE_FIXTURE(fixture, "random putters and getters with timeouts and cancellations: no item is lost or doubled, all in order") {
  run([&] {
    for (unsigned int seed = 0; seed < 200; ++seed) {
      CAPTURE(seed);
      std::mt19937 random(seed);
      const auto below = [&random](unsigned int end) { return random() % end; };
      queue<int> q(static_cast<std::ptrdiff_t>(below(4)));
      std::vector<int> put;
      std::vector<int> got;
      int next = 0;
      std::vector<task<>> jobs;
      for (int i = 0; i < 6; ++i) {
        jobs.push_back(async([&, i] {
          for (int n = 0; n < 15; ++n) {
            if (below(2) == 0) give_up_passes(static_cast<int>(below(3)));
            const auto step = [&] {
              if (i % 2 == 0) {
                const int item = next++;
                q.put(item);
                put.push_back(item);
              } else {
                got.push_back(q.get());
              }
            };
            if (below(3) == 0) {
              try {
                wait_for(step, std::chrono::milliseconds(below(3)));
              } catch (const timeout_error&) {
              }
            } else {
              step();
            }
            if (below(4) == 0) sleep(std::chrono::milliseconds(below(3)));
          }
        }));
      }
      for (int i = 0; i < 4; ++i) {
        sleep(std::chrono::milliseconds(below(5)));
        jobs[below(6)].cancel();
      }
      sleep(1s);
      for (auto& j : jobs) j.cancel();
      gather(return_exceptions, jobs);
      CHECK(got.size() + q.size() == put.size());
      while (!q.empty()) got.push_back(q.get_nowait());
      CHECK(got == put);
    }
  });
}
