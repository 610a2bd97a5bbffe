// SPDX-License-Identifier: BSL-1.0
#include <nakh/mutex.hpp>

#include "support/allocations.hpp"
#include "support/fixture.hpp"

#include <nakh/barrier.hpp>
#include <nakh/condition_variable.hpp>
#include <nakh/event.hpp>
#include <nakh/gather.hpp>
#include <nakh/queue.hpp>
#include <nakh/semaphore.hpp>
#include <nakh/task.hpp>
#include <nakh/timeout.hpp>

#include <algorithm>
#include <memory>
#include <mutex>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

using namespace nakh;
using namespace nakh::test;
using namespace std::chrono_literals;

namespace {

/// Takes the mutex, says so, keeps it for `d` and lets it go; or says that it was cancelled.
auto taker(trace& says, mutex& m, std::string name, duration d = 0s) {
  return async([&says, &m, name = std::move(name), d] {
    try {
      const std::scoped_lock hold(m);
      says(name);
      if (d > 0s) sleep(d);
    } catch (const cancelled_error&) {
      says(name + "-cancelled");
      throw;
    }
  });
}

}  // namespace

TEST_CASE_FIXTURE(fixture, "T-lock-01: a free mutex is taken without suspending") {
  run([&] {
    mutex m;
    CHECK_FALSE(m.locked());
    get_running_loop().call_soon([&] { say("pass"); });
    m.lock();
    CHECK(m.locked());
    m.unlock();
    CHECK_FALSE(m.locked());
    CHECK(m.try_lock());
    CHECK(m.locked());
    CHECK_FALSE(m.try_lock());
    m.unlock();
    say("no pass so far");
  });
  CHECK(say.take() == "no pass so far pass");
}

TEST_CASE_FIXTURE(fixture, "T-lock-02: who lets it go and takes it again stands behind those who wait") {
  run([&] {
    mutex m;
    m.lock();
    auto a = taker(say, m, "a");
    auto b = taker(say, m, "b");
    yield();
    m.unlock();
    m.lock();
    say("owner");
    m.unlock();
    gather(a, b);
  });
  CHECK(say.take() == "a b owner");
}

TEST_CASE_FIXTURE(fixture, "T-lock-02: first come, first served, also for those who come while one is about to run") {
  run([&] {
    mutex m;
    m.lock();
    auto a = taker(say, m, "a");
    auto b = taker(say, m, "b", 1s);
    yield();
    auto c = taker(say, m, "c");  // comes in the pass in which a runs, and before it
    m.unlock();
    auto d = taker(say, m, "d");
    gather(a, b, c, d);
  });
  CHECK(say.take() == "a b c d");
}

TEST_CASE_FIXTURE(fixture, "T-lock-03: let go while others wait: free until the woken one runs, and yet nobody else's") {
  run([&] {
    mutex m;
    m.lock();
    auto a = taker(say, m, "a", 1s);
    yield();
    m.unlock();
    CHECK_FALSE(m.locked());
    CHECK_FALSE(m.try_lock());
    auto late = taker(say, m, "late");
    yield();
    CHECK(m.locked());
    CHECK(say.take() == "a");
    CHECK_FALSE(late.done());
    late.await();
    CHECK(now() == 1000);
    CHECK_FALSE(m.locked());
    a.await();
  });
  CHECK(say.take() == "late");
}

TEST_CASE_FIXTURE(fixture, "T-lock-04: unlocking a free one is an error; any task may unlock") {
  run([&] {
    mutex m;
    CHECK_THROWS_WITH_AS(m.unlock(), "nakh: a mutex is unlocked that nobody has locked", usage_error);
    CHECK_FALSE(m.locked());
    m.lock();
    auto waits = async([&] {
      m.lock();
      say("waits");
      m.unlock();
    });
    yield();
    auto other = async([&] {
      m.unlock();
      // The woken one has not run: nobody has it now.
      say(caught([&] { m.unlock(); }));
    });
    other.await();
    waits.await();
    CHECK_FALSE(m.locked());
  });
  CHECK(say.take() == "usage_error waits");
}

TEST_CASE_FIXTURE(fixture, "T-lock-05: a scope that is left by an error or a cancellation lets it go") {
  run([&] {
    mutex m;
    CHECK(caught([&] {
            const std::lock_guard hold(m);
            throw std::runtime_error("boom");
          }) == "boom");
    CHECK_FALSE(m.locked());
    auto t = async([&] {
      const std::unique_lock hold(m);
      sleep(1h);
    });
    auto next = taker(say, m, "next");
    give_up_passes(2);
    CHECK(m.locked());
    t.cancel();
    CHECK(caught([&] { t.await(); }) == "cancelled_error");
    next.await();
    CHECK_FALSE(m.locked());
  });
  CHECK(say.take() == "next");
}

TEST_CASE_FIXTURE(fixture, "T-lock-06: the first in line is cancelled, then it is let go in the same pass: the second gets it") {
  run([&] {
    mutex m;
    m.lock();
    auto a = taker(say, m, "a");
    auto b = taker(say, m, "b");
    yield();
    CHECK(a.cancel());
    m.unlock();
    b.await();
    CHECK(a.cancelled());
    CHECK_FALSE(m.locked());
  });
  CHECK(say.take() == "a-cancelled b");
}

TEST_CASE_FIXTURE(fixture, "T-lock-07: it is let go, then who was woken is cancelled in the same pass: the next one is woken") {
  run([&] {
    mutex m;
    m.lock();
    auto a = taker(say, m, "a");
    auto b = taker(say, m, "b", 1s);
    auto c = taker(say, m, "c");
    yield();
    m.unlock();
    CHECK(a.cancel());
    yield();
    CHECK(say.take() == "a-cancelled");
    CHECK_FALSE(m.locked());
    CHECK_FALSE(m.try_lock());
    yield();
    CHECK(m.locked());
    CHECK(say.take() == "b");
    gather(b, c);
    CHECK_FALSE(m.locked());
  });
  CHECK(say.take() == "c");
}

TEST_CASE_FIXTURE(fixture, "T-lock-07: who was woken is cancelled, and there is no next one: the mutex is free") {
  run([&] {
    mutex m;
    m.lock();
    auto a = taker(say, m, "a");
    yield();
    m.unlock();
    a.cancel();
    CHECK_FALSE(m.try_lock());  // it is a's turn until it has run
    CHECK(caught([&] { a.await(); }) == "cancelled_error");
    CHECK(m.try_lock());
    m.unlock();
  });
  CHECK(say.take() == "a-cancelled");
}

TEST_CASE_FIXTURE(fixture, "T-lock-08: several are cancelled around a release: the first live one gets it, late ones stand behind") {
  for (const bool before : {true, false}) {
    for (const bool after : {true, false}) {
      run([&] {
        mutex m;
        m.lock();
        auto a = taker(say, m, "a");
        auto b = taker(say, m, "b");
        auto c = taker(say, m, "c");
        yield();
        if (before) b.cancel();
        m.unlock();
        if (after) a.cancel();
        m.lock();
        say("late");
        m.unlock();
        gather(return_exceptions, a, b, c);
        CHECK_FALSE(m.locked());
      });
      CHECK(say.take() == std::string(after    ? before ? "b-cancelled a-cancelled" : "a-cancelled b"
                                      : before ? "b-cancelled a"
                                               : "a b") +
                              " c late");
    }
  }
}

TEST_CASE_FIXTURE(fixture, "T-lock-09: a free mutex with only cancelled ones in line is taken at once") {
  run([&] {
    mutex m;
    m.lock();
    auto a = taker(say, m, "a");
    auto b = taker(say, m, "b");
    yield();
    a.cancel();
    b.cancel();
    m.unlock();
    m.lock();
    say("main");
    gather(return_exceptions, a, b);
    CHECK(m.locked());
    m.unlock();
  });
  CHECK(say.take() == "main a-cancelled b-cancelled");
}

// --- Cancellation and timeouts ---

TEST_CASE_FIXTURE(fixture, "a cancelled task in a mutex's line leaves it at once; the others keep their order") {
  run([&] {
    mutex m;
    m.lock();
    auto a = taker(say, m, "a");
    auto b = taker(say, m, "b");
    auto c = taker(say, m, "c");
    yield();
    b.cancel("why");
    CHECK(caught([&] { b.await(); }) == "cancelled_error(why)");
    CHECK(m.locked());
    m.unlock();
    gather(a, c);
  });
  CHECK(say.take() == "b-cancelled a c");
}

TEST_CASE_FIXTURE(fixture, "cancelled twice in a mutex's line: one exception, and it can wait again") {
  run([&] {
    mutex m;
    m.lock();
    auto t = async([&] {
      say(caught([&] { m.lock(); }));
      CHECK(current_task().cancelling() == 2);
      m.lock();
      say("again");
      m.unlock();
    });
    yield();
    t.cancel("first");
    t.cancel("second");
    give_up_passes(2);
    CHECK_FALSE(t.done());
    m.unlock();
    t.await();
  });
  CHECK(say.take() == "cancelled_error(second) again");
}

TEST_CASE_FIXTURE(fixture, "woken by a mutex, then cancelled twice: it is passed on once") {
  run([&] {
    mutex m;
    m.lock();
    auto a = taker(say, m, "a");
    auto b = taker(say, m, "b", 1s);
    auto c = taker(say, m, "c", 1s);
    yield();
    m.unlock();
    a.cancel();
    a.cancel();
    sleep(500ms);
    CHECK(say.take() == "a-cancelled b");
    gather(b, c);
  });
  CHECK(say.take() == "c");
}

TEST_CASE_FIXTURE(fixture, "a cancellation that is pending when a mutex is locked") {
  run([&] {
    mutex m;
    async([&] {
      current_task().cancel();
      m.lock();  // needs no waiting, so delivers nothing
      say("has it");
      m.unlock();
      say(caught([] { yield(); }));
    }).await();
    m.lock();
    async([&] {
      current_task().cancel();
      say(caught([&] { m.lock(); }));
    }).await();
    m.unlock();
    CHECK(m.try_lock());
    m.unlock();
  });
  CHECK(say.take() == "has it cancelled_error cancelled_error");
}

TEST_CASE_FIXTURE(fixture, "a destructor that locks while an exception is on its way: the cancellation comes later") {
  run([&] {
    mutex m;
    m.lock();
    struct locks {
      mutex& m;
      trace& says;
      ~locks() {
        const std::scoped_lock hold(m);
        says("destructor has it");
      }
    };
    auto t = async([&] {
      say(caught([&] {
        const locks at_end{m, say};
        throw std::runtime_error("boom");
      }));
      say(caught([] { yield(); }));
    });
    yield();
    t.cancel();
    give_up_passes(3);
    CHECK(say.take().empty());
    m.unlock();
    t.await();
    CHECK_FALSE(m.locked());
  });
  CHECK(say.take() == "destructor has it boom cancelled_error");
}

TEST_CASE_FIXTURE(fixture, "a timeout around lock leaves neither a waiter nor a timer") {
  run([&] {
    mutex m;
    m.lock();
    CHECK(caught([&] { wait_for([&] { m.lock(); }, 1s); }) == "timeout_error");
    CHECK(now() == 1000);
    CHECK(get_running_loop().pending_timers() == 0);
    m.unlock();
    CHECK(m.try_lock());
    m.unlock();
    wait_for([&] { m.lock(); }, 1s);
    CHECK(get_running_loop().pending_timers() == 0);
    m.unlock();
  });
}

TEST_CASE_FIXTURE(fixture, "it is let go in the pass of the deadline, before and after it: never lost") {
  for (const bool first : {true, false}) {
    run([&] {
      mutex m;
      m.lock();
      const auto let_go = [&] { m.unlock(); };
      if (first) get_running_loop().call_later(1s, let_go);
      auto a = async([&] {
        say(caught([&] {
          timeout(1s, [&] {
            m.lock();
            say("locked");
            m.unlock();
          });
        }));
      });
      auto b = taker(say, m, "b");
      yield();
      if (!first) get_running_loop().call_later(1s, let_go);
      gather(a, b);
      CHECK(m.try_lock());
      m.unlock();
    });
    CHECK(say.take() == "timeout_error b");
  }
}

// --- The standard's locks ---

TEST_CASE_FIXTURE(fixture, "with std::unique_lock: deferred, tried, moved and let go early") {
  run([&] {
    mutex m;
    std::unique_lock l(m, std::defer_lock);
    CHECK_FALSE(m.locked());
    CHECK(l.try_lock());
    CHECK_FALSE(std::unique_lock(m, std::try_to_lock).owns_lock());
    std::unique_lock moved = std::move(l);
    CHECK(moved.owns_lock());
    moved.unlock();
    CHECK_FALSE(m.locked());
    moved.lock();
    CHECK(m.locked());
  });
}

TEST_CASE_FIXTURE(fixture, "with std::scoped_lock: several mutexes, two tasks from both ends or all from the same") {
  run([&] {
    mutex a;
    mutex b;
    mutex c;
    int inside = 0;
    const auto take = [&](auto&... those) {
      return async([&] {
        for (int i = 0; i < 20; ++i) {
          const std::scoped_lock hold(those...);
          CHECK(++inside == 1);
          yield();
          --inside;
        }
      });
    };
    gather(take(a, b), take(b, a));
    gather(take(a, b, c), take(a, b, c), take(a, b, c));
    CHECK_FALSE(a.locked());
    CHECK_FALSE(b.locked());
    CHECK_FALSE(c.locked());
  });
}

// --- Misuse and lifetimes ---

TEST_CASE_FIXTURE(loop_fixture, "a mutex outside a task: free it is taken, taken it is an error") {
  mutex m;
  m.lock();
  CHECK(m.locked());
  CHECK_THROWS_WITH_AS(m.lock(), doctest::Contains("only a task can wait for a mutex"), usage_error);
  m.unlock();
  loop.call_soon([&] {
    m.lock();
    say(caught([&] { m.lock(); }));
    m.unlock();
    loop.stop();
  });
  loop.run_forever();
  CHECK(say.take() == "usage_error");
  CHECK(m.try_lock());
  m.unlock();
}

TEST_CASE_FIXTURE(loop_fixture, "a mutex that tasks of another loop wait for") {
  event_loop other(loop_options{.clock = &clock});
  watch(other);
  mutex m;
  m.lock();
  auto waits = loop.create_task([&] {
    m.lock();
    say("has it");
    m.unlock();
  });
  loop.run_until_complete([] { yield(); });
  other.run_until_complete([&] {
    CHECK_THROWS_WITH_AS(m.lock(), doctest::Contains("tasks of another loop wait for this mutex"), usage_error);
    m.unlock();  // wakes a task of the other loop, which runs when that does
    give_up_passes(3);
    CHECK(say.take().empty());
  });
  loop.run_until_complete(waits);
  CHECK(say.take() == "has it");
  // With nobody in line any loop may use it.
  other.run_until_complete([&] {
    m.lock();
    auto next = taker(say, m, "next");
    yield();
    m.unlock();
    next.await();
  });
  CHECK(say.take() == "next");
}

TEST_CASE_FIXTURE(loop_fixture, "a task in a mutex's line is cancelled while its loop does not run") {
  mutex m;
  m.lock();
  auto a = loop.create_task([&] { say(caught([&] { m.lock(); })); });
  auto b = loop.create_task([&] { say(caught([&] { m.lock(); })); });
  loop.run_until_complete([] { yield(); });
  CHECK(a.cancel());
  event_loop other(loop_options{.clock = &clock});
  other.run_until_complete([&] {
    CHECK(b.cancel());
    give_up_passes(3);
    CHECK(say.take().empty());
  });
  loop.run_until_complete([&] { gather(a, b); });
  CHECK(say.take() == "cancelled_error cancelled_error");
  m.unlock();
  CHECK(m.try_lock());
  m.unlock();
}

TEST_CASE_FIXTURE(fixture, "a mutex is destroyed while tasks wait for it: they wait until they are cancelled") {
  run([&] {
    auto m = std::make_unique<mutex>();
    m->lock();
    auto a = async([&, m = m.get()] { m->lock(); });
    auto b = async([&, m = m.get()] { say(caught([m] { m->lock(); })); });
    yield();
    m.reset();
    give_up_passes(3);
    CHECK_FALSE(a.done());
    a.cancel("gone");
    CHECK(caught([&] { a.await(); }) == "cancelled_error(gone)");
    CHECK_FALSE(b.done());
  });
  CHECK(say.take() == "cancelled_error");  // by the end of run
}

TEST_CASE_FIXTURE(fixture, "a mutex is destroyed after it has woken one that was cancelled since") {
  run([&] {
    auto m = std::make_unique<mutex>();
    m->lock();
    auto a = async([m = m.get()] { m->lock(); });
    auto b = async([m = m.get()] { m->lock(); });
    yield();
    m->unlock();
    a.cancel("gone");
    m.reset();
    CHECK(caught([&] { a.await(); }) == "cancelled_error(gone)");
    CHECK_FALSE(b.done());
    b.cancel();
    CHECK(caught([&] { b.await(); }) == "cancelled_error");
  });
}

TEST_CASE_FIXTURE(loop_fixture, "a loop closes while its tasks wait for a mutex: they are cancelled, and it stays usable") {
  mutex m;
  m.lock();
  const auto a = loop.create_task([&] { say(caught([&] { m.lock(); })); });
  const auto b = loop.create_task([&] { say(caught([&] { m.lock(); })); });
  loop.run_until_complete([] { yield(); });
  loop.close();
  CHECK(a.done());
  CHECK(b.done());
  CHECK(say.take() == "cancelled_error cancelled_error");
  CHECK(reports.size() == 2);  // pending tasks were destroyed
  reports.clear();
  m.unlock();
  CHECK(m.try_lock());
  m.unlock();
}

// --- What all primitives have in common ---

TEST_CASE_FIXTURE(fixture, "waiting allocates nothing: mutex, condition, event, semaphore, barrier, queue") {
  run([&] {
    mutex m;
    condition_variable changed;
    event happened;
    semaphore permits(0);
    barrier both(2);
    queue<int> numbers(1);
    constexpr int rounds = 5;
    int turn = 0;
    long made = 0;
    const auto first = [&] {
      for (int i = 0; i < rounds; ++i) {
        if (i == 2) made = allocator.made;  // the parts that grow have grown by then
        both.wait();
        happened.wait();
        permits.acquire();
        {
          std::unique_lock hold(changed);
          changed.wait([&] { return turn == i + 1; });
        }
        static_cast<void>(numbers.get());
        numbers.task_done();
        {
          const std::scoped_lock hold(m);
          yield();
        }
        both.wait();
      }
      made = allocator.made - made;
    };
    const auto second = [&] {
      for (int i = 0; i < rounds; ++i) {
        happened.clear();
        both.wait();
        give_up_passes(3);
        happened.set();
        give_up_passes(3);
        permits.release();
        give_up_passes(3);
        {
          const std::scoped_lock hold(changed);
          turn = i + 1;
          changed.notify_all();
        }
        give_up_passes(3);
        numbers.put(i);
        numbers.join();
        {
          const std::scoped_lock hold(m);
          yield();
        }
        both.wait();
      }
    };
    gather(first, second);
    CHECK(made == 0);
  });
}

TEST_CASE_FIXTURE(fixture, "random tasks, timeouts and cancellations: one at a time, in the order in which they came") {
  run([&] {
    for (unsigned int seed = 0; seed < 200; ++seed) {
      CAPTURE(seed);
      std::mt19937 random(seed);
      const auto below = [&random](unsigned int end) { return random() % end; };
      mutex m;
      int inside = 0;
      int most_inside = 0;
      int tickets = 0;
      std::vector<int> served;
      const auto pause = [&] {
        if (below(2) == 0) {
          give_up_passes(static_cast<int>(below(3)));
        } else {
          sleep(std::chrono::milliseconds(below(3)));
        }
      };
      const auto visit = [&] {
        const int ticket = tickets++;
        const std::scoped_lock hold(m);
        served.push_back(ticket);
        most_inside = std::max(most_inside, ++inside);
        const struct leaving {
          int& count;
          ~leaving() { --count; }
        } leave{inside};
        pause();
      };
      std::vector<task<>> jobs;
      for (int i = 0; i < 5; ++i) {
        jobs.push_back(async([&] {
          for (int round = 0; round < 10; ++round) {
            caught([&] {
              pause();
              if (below(3) == 0) {
                wait_for(visit, std::chrono::milliseconds(below(4)));
              } else {
                visit();
              }
            });
          }
        }));
      }
      for (int i = 0; i < 20; ++i) {
        pause();
        jobs[below(5)].cancel();
      }
      gather(return_exceptions, jobs);
      CHECK(most_inside == 1);
      CHECK(inside == 0);
      CHECK(std::is_sorted(served.begin(), served.end()));
      CHECK(m.try_lock());
      CHECK(get_running_loop().pending_timers() == 0);
    }
  });
}
