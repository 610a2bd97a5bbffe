// SPDX-License-Identifier: BSL-1.0
#include <nakh/condition_variable.hpp>

#include "support/fixture.hpp"

#include <nakh/gather.hpp>
#include <nakh/task.hpp>
#include <nakh/timeout.hpp>

#include <algorithm>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

using namespace nakh;
using namespace nakh::test;
using namespace std::chrono_literals;

namespace {

/// Waits once, and says how that ended, with the mutex held.
auto waiter(trace& says, condition_variable& c, std::string name) {
  return async([&says, &c, name = std::move(name)] {
    const std::scoped_lock hold(c);
    try {
      c.wait();
      says(name);
    } catch (const cancelled_error& e) {
      says(name + "-cancelled" + (e.reason().empty() ? "" : "(" + e.reason() + ")") + (c.locked() ? "" : "-without-mutex"));
      throw;
    }
  });
}
void notify(condition_variable& c, std::size_t most = 1) {
  const std::scoped_lock hold(c);
  c.notify(most);
}

}  // namespace

TEST_CASE_FIXTURE(fixture, "T-cond-01: wait, notify and notify_all need the mutex") {
  run([&] {
    condition_variable c;
    CHECK_THROWS_WITH_AS(c.wait(), "nakh: a condition variable is waited for without its mutex; lock it first", usage_error);
    CHECK_THROWS_WITH_AS(c.notify(), "nakh: a condition variable is notified without its mutex; lock it first", usage_error);
    CHECK_THROWS_AS(c.notify(3), usage_error);
    CHECK_THROWS_AS(c.notify_all(), usage_error);
    CHECK_THROWS_AS(c.unlock(), usage_error);
    CHECK_FALSE(c.locked());
  });
}

TEST_CASE_FIXTURE(fixture, "T-cond-02: wait lets the mutex go, and holds it again when it returns") {
  run([&] {
    condition_variable c;
    auto a = async([&] {
      std::unique_lock hold(c);
      CHECK(c.locked());
      c.wait();
      CHECK(c.locked());
      sleep(1s);
      hold.unlock();
      say("a let it go at", now());
    });
    yield();
    CHECK_FALSE(c.locked());
    notify(c);
    CHECK_FALSE(c.locked());
    yield();
    CHECK(c.locked());
    c.lock();
    CHECK(now() == 1000);
    c.unlock();
    a.await();
  });
  CHECK(say.take() == "a let it go at1000");
}

TEST_CASE_FIXTURE(fixture, "T-cond-03: notify wakes at most so many, the oldest first") {
  run([&] {
    condition_variable c;
    std::vector<task<>> all;
    for (const char* name : {"a", "b", "c", "d", "e", "f"}) all.push_back(waiter(say, c, name));
    give_up_passes(2);
    notify(c);
    give_up_passes(5);
    CHECK(say.take() == "a");
    notify(c, 0);
    give_up_passes(5);
    CHECK(say.take().empty());
    notify(c, 2);
    give_up_passes(5);
    CHECK(say.take() == "b c");
    {
      const std::scoped_lock hold(c);
      c.notify();
      c.notify();  // another one, though the first has not run
    }
    give_up_passes(5);
    CHECK(say.take() == "d e");
    notify(c, 100);
    gather(all);
  });
  CHECK(say.take() == "f");
}

TEST_CASE_FIXTURE(fixture, "T-cond-03: they run only when the mutex is free, one after the other") {
  run([&] {
    condition_variable c;
    auto a = waiter(say, c, "a");
    auto b = waiter(say, c, "b");
    yield();
    c.lock();
    c.notify_all();
    sleep(1s);
    say("notifier");
    c.unlock();
    gather(a, b);
    CHECK_FALSE(c.locked());
  });
  CHECK(say.take() == "notifier a b");
}

TEST_CASE_FIXTURE(fixture, "T-cond-04: a notification that nobody waits for is not kept") {
  run([&] {
    condition_variable c;
    notify(c, 5);
    {
      const std::scoped_lock hold(c);
      c.notify_all();
    }
    auto a = waiter(say, c, "a");
    give_up_passes(5);
    CHECK_FALSE(a.done());
    notify(c);
    a.await();
  });
  CHECK(say.take() == "a");
}

TEST_CASE_FIXTURE(fixture, "T-cond-05: with a condition: woken while it is false, it waits on; then its value is returned") {
  run([&] {
    condition_variable c;
    int value = 0;
    auto a = async([&] {
      const std::scoped_lock hold(c);
      return c.wait([&] {
        say("asked", value);
        return value > 1 ? std::make_unique<int>(value) : nullptr;
      });
    });
    yield();
    for (int i = 1; i <= 2; ++i) {
      const std::scoped_lock hold(c);
      value = i;
      c.notify();
      sleep(1s);
    }
    CHECK(*a.await() == 2);
  });
  CHECK(say.take() == "asked0 asked1 asked2");
}

TEST_CASE_FIXTURE(fixture, "T-cond-06: with a condition that is true at once: no mutex, no pass; false without the mutex is an error") {
  run([&] {
    condition_variable c;
    get_running_loop().call_soon([&] { say("pass"); });
    CHECK(c.wait([] { return true; }));
    CHECK(c.wait([] { return 7; }) == 7);
    CHECK_FALSE(c.locked());
    CHECK(caught([&] { c.wait([] { return false; }); }) == "usage_error");
    say("no pass so far");
    // An error of the condition's leaves as it is.
    const std::scoped_lock hold(c);
    CHECK(caught([&] { c.wait([]() -> bool { throw std::runtime_error("boom"); }); }) == "boom");
    CHECK(c.locked());
  });
  CHECK(say.take() == "no pass so far pass");
}

TEST_CASE_FIXTURE(fixture, "T-cond-07: cancelled while it waits: it takes the mutex back before the cancellation leaves") {
  run([&] {
    condition_variable c;
    auto a = waiter(say, c, "a");
    yield();
    c.lock();
    a.cancel("why");
    sleep(1s);
    CHECK(say.take().empty());
    CHECK_FALSE(a.done());
    say("let go");
    c.unlock();
    CHECK(caught([&] { a.await(); }) == "cancelled_error(why)");
    CHECK_FALSE(c.locked());
  });
  CHECK(say.take() == "let go a-cancelled(why)");
}

TEST_CASE_FIXTURE(fixture, "T-cond-08: notified, then cancelled before it runs: the notification goes to another one") {
  run([&] {
    condition_variable c;
    auto a = waiter(say, c, "a");
    auto b = waiter(say, c, "b");
    auto d = waiter(say, c, "d");
    yield();
    notify(c);
    a.cancel();
    b.await();
    CHECK(a.cancelled());
    give_up_passes(5);
    CHECK_FALSE(d.done());
    notify(c);
    d.await();
  });
  CHECK(say.take() == "a-cancelled b d");
}

TEST_CASE_FIXTURE(fixture, "T-cond-09: notified, then cancelled while it takes the mutex back: the same") {
  run([&] {
    condition_variable c;
    auto a = waiter(say, c, "a");
    auto b = waiter(say, c, "b");
    yield();
    c.lock();
    c.notify();
    give_up_passes(3);  // a has run, and stands in the mutex's line
    a.cancel();
    give_up_passes(3);
    CHECK(say.take().empty());
    c.unlock();
    b.await();
    CHECK(a.cancelled());
  });
  CHECK(say.take() == "a-cancelled b");
}

TEST_CASE_FIXTURE(fixture, "T-cond-10: cancelled while it takes the mutex back: it goes on until it has it") {
  run([&] {
    condition_variable c;
    auto a = waiter(say, c, "a");
    yield();
    c.lock();
    c.notify();
    give_up_passes(2);
    for (int i = 0; i < 3; ++i) {
      a.cancel();
      give_up_passes(3);
      CHECK_FALSE(a.done());
    }
    CHECK(a.cancelling() == 3);
    c.unlock();
    CHECK(caught([&] { a.await(); }) == "cancelled_error");
    CHECK_FALSE(c.locked());
  });
  CHECK(say.take() == "a-cancelled");
}

TEST_CASE_FIXTURE(fixture, "T-cond-11: the error that leaves wait is the one that was delivered, the latest of several") {
  run([&] {
    condition_variable c;
    auto a = waiter(say, c, "a");
    yield();
    a.cancel("while it waits");
    CHECK(caught([&] { a.await(); }) == "cancelled_error(while it waits)");
    auto b = waiter(say, c, "b");  // only now: a's cancellation would have woken it
    yield();
    c.lock();
    b.cancel("while it waits");
    give_up_passes(3);
    b.cancel("while it takes the mutex");
    give_up_passes(3);
    c.unlock();
    CHECK(caught([&] { b.await(); }) == "cancelled_error(while it takes the mutex)");
  });
  CHECK(say.take() == "a-cancelled(while it waits) b-cancelled(while it takes the mutex)");
}

TEST_CASE_FIXTURE(fixture, "T-cond-12: made from a mutex, it shares that") {
  run([&] {
    mutex m;
    condition_variable full(m);
    condition_variable empty(m);
    full.lock();
    CHECK(m.locked());
    CHECK(empty.locked());
    CHECK_FALSE(empty.try_lock());
    m.unlock();
    CHECK_FALSE(full.locked());
    std::optional<int> slot;
    auto puts = async([&] {
      for (int i = 0; i < 3; ++i) {
        const std::scoped_lock hold(m);
        empty.wait([&] { return !slot; });
        slot = i;
        full.notify();
      }
    });
    auto gets = async([&] {
      for (int i = 0; i < 3; ++i) {
        const std::scoped_lock hold(full);
        full.wait([&] { return slot.has_value(); });
        say("got", *slot);
        slot.reset();
        empty.notify();
      }
    });
    gather(puts, gets);
    CHECK_FALSE(m.locked());
  });
  CHECK(say.take() == "got0 got1 got2");
}

// --- Cancellation and timeouts ---

TEST_CASE_FIXTURE(fixture, "a notification that reaches a cancelled one which nobody notified wakes another: allowed, and harmless") {
  run([&] {
    condition_variable c;
    bool ready = false;
    auto a = waiter(say, c, "a");
    auto b = async([&] {
      const std::scoped_lock hold(c);
      c.wait([&] { return ready; });
      say("b");
    });
    yield();
    a.cancel();
    give_up_passes(5);
    CHECK_FALSE(b.done());
    ready = true;
    notify(c);
    b.await();
    CHECK(a.cancelled());
  });
  CHECK(say.take() == "a-cancelled b");
}

TEST_CASE_FIXTURE(fixture, "cancelled, then notified in the same pass: the notification reaches the next one") {
  run([&] {
    condition_variable c;
    auto a = waiter(say, c, "a");
    auto b = waiter(say, c, "b");
    yield();
    a.cancel();
    notify(c);
    b.await();
    CHECK(a.cancelled());
  });
  CHECK(say.take() == "a-cancelled b");
}

TEST_CASE_FIXTURE(fixture,
                  "a cancellation that is pending when a condition is waited for: the mutex is let go for a pass, and taken back") {
  run([&] {
    condition_variable c;
    auto t = async([&] {
      const std::scoped_lock hold(c);
      current_task().cancel("early");
      say(caught([&] { c.wait(); }));
      CHECK(c.locked());
    });
    auto other = async([&] {
      const std::scoped_lock hold(c);
      say("other");
    });
    gather(t, other);
    CHECK_FALSE(c.locked());
  });
  CHECK(say.take() == "other cancelled_error(early)");
}

TEST_CASE_FIXTURE(fixture, "a destructor that waits for a condition while an exception is on its way") {
  run([&] {
    condition_variable c;
    struct waits {
      condition_variable& c;
      ~waits() {
        const std::scoped_lock hold(c);
        c.wait();
      }
    };
    auto t = async([&] {
      say(caught([&] {
        const waits at_end{c};
        throw std::runtime_error("boom");
      }));
      say(caught([] { yield(); }));
    });
    yield();
    t.cancel();
    give_up_passes(3);
    CHECK(say.take().empty());
    notify(c);
    t.await();
    CHECK_FALSE(c.locked());
  });
  CHECK(say.take() == "boom cancelled_error");
}

TEST_CASE_FIXTURE(fixture, "a timeout around a condition's wait: the mutex is held, and neither a waiter nor a timer is left") {
  run([&] {
    condition_variable c;
    {
      const std::scoped_lock hold(c);
      CHECK(caught([&] { wait_for([&] { c.wait(); }, 1s); }) == "timeout_error");
      CHECK(c.locked());
      CHECK(now() == 1000);
      CHECK(get_running_loop().pending_timers() == 0);
    }
    auto a = waiter(say, c, "a");
    yield();
    notify(c);
    a.await();
    // Somebody else has the mutex at the deadline: the timeout is reported when it is free.
    auto late = async([&] {
      const std::scoped_lock hold(c);
      say(caught([&] { wait_for([&] { c.wait(); }, 1s); }));
      say("at", now());
    });
    yield();
    c.lock();
    sleep(3s);
    c.unlock();
    late.await();
  });
  CHECK(say.take() == "a timeout_error at4000");
}

// --- Misuse and lifetimes ---

TEST_CASE_FIXTURE(loop_fixture, "a condition outside a task: to wait is an error, and the mutex stays locked") {
  condition_variable c;
  c.lock();
  c.notify();
  CHECK_THROWS_WITH_AS(c.wait(), doctest::Contains("only a task can wait for a condition variable"), usage_error);
  CHECK(c.locked());
  c.unlock();
  auto a = loop.create_task([&] {
    const std::scoped_lock hold(c);
    c.wait();
  });
  loop.run_until_complete([] { yield(); });
  loop.call_soon([&] {
    const std::scoped_lock hold(c);
    say(caught([&] { c.wait(); }));
    c.notify();
  });
  loop.run_until_complete(a);
  CHECK(say.take() == "usage_error");
}

TEST_CASE_FIXTURE(loop_fixture, "a condition that tasks of another loop wait for") {
  event_loop other(loop_options{.clock = &clock});
  watch(other);
  condition_variable c;
  auto a = loop.create_task([&] {
    const std::scoped_lock hold(c);
    c.wait();
    say("a");
  });
  loop.run_until_complete([] { yield(); });
  other.run_until_complete([&] {
    const std::scoped_lock hold(c);
    CHECK_THROWS_WITH_AS(c.wait(), doctest::Contains("tasks of another loop wait for this condition variable"), usage_error);
    CHECK(c.locked());
    c.notify();
    give_up_passes(3);
    CHECK_FALSE(a.done());
  });
  loop.run_until_complete(a);
  CHECK(say.take() == "a");
}

TEST_CASE_FIXTURE(fixture, "a condition is destroyed while tasks wait for it, its mutex stays: cancelled, they hold that") {
  mutex m;
  run([&] {
    auto c = std::make_unique<condition_variable>(m);
    const auto waits = [&, c = c.get()] {
      const std::unique_lock hold(m);
      say(caught([c] { c->wait(); }));
      CHECK(m.locked());
      sleep(1s);
    };
    auto a = async(waits);
    auto b = async(waits);
    auto other = async([&] {
      const std::scoped_lock hold(m);
      say("other");
    });
    yield();
    c.reset();
    give_up_passes(3);
    CHECK(say.take() == "other");
    a.cancel("gone");
    a.await();
    CHECK(say.take() == "cancelled_error(gone)");
    CHECK_FALSE(b.done());
    CHECK_FALSE(m.locked());
  });
  CHECK(say.take() == "cancelled_error");  // by the end of run
  CHECK_FALSE(m.locked());
}

TEST_CASE_FIXTURE(fixture,
                  "a condition is notified and destroyed before those whom it woke run, its mutex stays: as std::condition_variable") {
  mutex m;
  run([&] {
    auto c = std::make_unique<condition_variable>(m);
    const auto waits = [&, c = c.get()] {
      const std::unique_lock hold(m);
      say(caught([c] { c->wait(); }));
      CHECK(m.locked());
    };
    auto a = async(waits);
    auto b = async(waits);
    yield();
    {
      const std::scoped_lock hold(m);
      c->notify_all();
    }
    c.reset();
    gather(a, b);
  });
  CHECK(say.take() == "nothing nothing");
  CHECK_FALSE(m.locked());
}

TEST_CASE_FIXTURE(fixture, "random producers and consumers over two conditions: each number once, in order, the mutex always held") {
  run([&] {
    for (unsigned int seed = 0; seed < 200; ++seed) {
      CAPTURE(seed);
      std::mt19937 random(seed);
      const auto below = [&random](unsigned int end) { return random() % end; };
      mutex m;
      condition_variable not_empty(m);
      condition_variable not_full(m);
      std::deque<int> items;
      std::vector<int> put;
      std::vector<int> got;
      int next = 0;
      int inside = 0;
      bool alone = true;
      const struct inspect {
        int& inside;
        bool& alone;
        void enter() const { alone = ++inside == 1 && alone; }
        void leave() const { --inside; }
      } who{inside, alone};
      const auto pause = [&] {
        if (below(2) == 0) {
          give_up_passes(static_cast<int>(below(3)));
        } else {
          sleep(std::chrono::milliseconds(below(3)));
        }
      };
      // Counts who believes to hold the mutex; while it waits it does not.
      const auto wait_in = [&](condition_variable& c) {
        who.leave();
        const struct back {
          const inspect& who;
          const mutex& m;
          bool& alone;
          ~back() {
            who.enter();
            alone = m.locked() && alone;
          }
        } at_end{who, m, alone};
        c.wait();
      };
      const auto locked = [&](auto&& f) {
        const std::scoped_lock hold(m);
        who.enter();
        const struct back {
          const inspect& who;
          ~back() { who.leave(); }
        } at_end{who};
        f();
      };
      const auto produce = [&] {
        locked([&] {
          while (items.size() >= 2) wait_in(not_full);
          put.push_back(next);
          items.push_back(next++);
          not_empty.notify();
        });
      };
      const auto consume = [&] {
        locked([&] {
          while (items.empty()) wait_in(not_empty);
          got.push_back(items.front());
          items.pop_front();
          not_full.notify();
        });
      };
      std::vector<task<>> jobs;
      for (int i = 0; i < 6; ++i) {
        jobs.push_back(async([&, i] {
          for (int done = 0; done < 8;) {
            const auto how = caught([&] {
              pause();
              const auto step = [&] { i % 2 == 0 ? produce() : consume(); };
              if (below(3) == 0) {
                wait_for(step, std::chrono::milliseconds(below(4)));
              } else {
                step();
              }
            });
            if (how == "nothing") ++done;
          }
        }));
      }
      yield();  // all have begun: who is cancelled before does none of its work
      for (int i = 0; i < 20; ++i) {
        pause();
        jobs[below(6)].cancel();
      }
      gather(return_exceptions, jobs);
      CHECK(alone);
      CHECK(inside == 0);
      CHECK(put.size() >= got.size());
      CHECK(put.size() == got.size() + items.size());
      CHECK(std::equal(got.begin(), got.end(), put.begin()));
      CHECK(m.try_lock());
      CHECK(get_running_loop().pending_timers() == 0);
    }
  });
}
