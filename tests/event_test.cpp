// SPDX-License-Identifier: BSL-1.0
#include <nakh/event.hpp>

#include "support/fixture.hpp"

#include <nakh/gather.hpp>
#include <nakh/task.hpp>
#include <nakh/timeout.hpp>

#include <algorithm>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

using namespace nakh;
using namespace nakh::test;
using namespace std::chrono_literals;

namespace {

/// Waits for the event and says its name, or that it was cancelled.
auto waiter(trace& says, event& e, std::string name) {
  return async([&says, &e, name = std::move(name)] {
    try {
      const bool happened = e.wait();
      says(name);
      return happened;
    } catch (const cancelled_error&) {
      says(name + "-cancelled");
      throw;
    }
  });
}

}  // namespace

TEST_CASE_FIXTURE(fixture, "T-event-01: set wakes all who wait, in the order in which they came; wait returns true") {
  run([&] {
    event e;
    CHECK_FALSE(e.is_set());
    auto a = waiter(say, e, "a");
    auto b = waiter(say, e, "b");
    auto c = waiter(say, e, "c");
    give_up_passes(3);
    CHECK(say.take().empty());
    e.set();
    CHECK(e.is_set());
    CHECK_FALSE(a.done());
    yield();
    CHECK(a.result());
    CHECK(b.result());
    CHECK(c.result());
    CHECK(e.is_set());
  });
  CHECK(say.take() == "a b c");
}

TEST_CASE_FIXTURE(fixture, "T-event-02: set and cleared in one pass: those who waited before wake all the same") {
  run([&] {
    event e;
    auto a = async([&] {
      e.wait();
      say("a", e.is_set() ? 1 : 0);
      e.wait();
      say("a again");
    });
    auto b = async([&] {
      e.wait();
      say("b", e.is_set() ? 1 : 0);
    });
    yield();
    e.set();
    e.clear();
    CHECK_FALSE(e.is_set());
    auto late = waiter(say, e, "late");
    give_up_passes(3);
    CHECK(b.done());
    CHECK_FALSE(a.done());
    CHECK_FALSE(late.done());
    CHECK(say.take() == "a0 b0");
    e.set();
    gather(a, late);
  });
  CHECK(say.take() == "a again late");
}

TEST_CASE_FIXTURE(fixture, "T-event-02: set, cleared and set again in one pass wakes each once") {
  run([&] {
    event e;
    auto a = waiter(say, e, "a");
    yield();
    e.set();
    e.clear();
    e.set();
    e.clear();
    a.await();
    CHECK_FALSE(e.is_set());
  });
  CHECK(say.take() == "a");
}

TEST_CASE_FIXTURE(fixture, "T-event-03: set already: wait does not suspend; to set it twice is harmless") {
  run([&] {
    event e;
    get_running_loop().call_soon([&] { say("pass"); });
    e.set();
    e.set();
    CHECK(e.is_set());
    CHECK(e.wait());
    CHECK(e.wait());
    e.clear();
    e.clear();
    CHECK_FALSE(e.is_set());
    say("no pass so far");
  });
  CHECK(say.take() == "no pass so far pass");
}

TEST_CASE_FIXTURE(fixture, "T-event-04: one who waits is cancelled: the others wait on, and no trace is left") {
  run([&] {
    event e;
    auto a = waiter(say, e, "a");
    auto b = waiter(say, e, "b");
    auto c = waiter(say, e, "c");
    yield();
    b.cancel("why");
    CHECK(caught([&] { b.await(); }) == "cancelled_error(why)");
    CHECK_FALSE(a.done());
    CHECK_FALSE(c.done());
    CHECK_FALSE(e.is_set());
    e.set();
    gather(a, c);
  });
  CHECK(say.take() == "b-cancelled a c");
}

// --- Cancellation and timeouts ---

TEST_CASE_FIXTURE(fixture, "woken by an event, then cancelled in the same pass: the cancellation wins") {
  run([&] {
    event e;
    auto a = waiter(say, e, "a");
    auto b = waiter(say, e, "b");
    yield();
    e.set();
    CHECK(a.cancel());
    CHECK(caught([&] { a.await(); }) == "cancelled_error");
    CHECK(b.result());
  });
  CHECK(say.take() == "a-cancelled b");
}

TEST_CASE_FIXTURE(fixture, "cancelled, then the event is set in the same pass") {
  run([&] {
    event e;
    auto a = waiter(say, e, "a");
    auto b = waiter(say, e, "b");
    yield();
    a.cancel();
    e.set();
    CHECK(caught([&] { a.await(); }) == "cancelled_error");
    CHECK(b.result());
  });
  CHECK(say.take() == "a-cancelled b");
}

TEST_CASE_FIXTURE(fixture, "cancelled twice while it waits for an event: one exception, and it can wait again") {
  run([&] {
    event e;
    auto t = async([&] {
      say(caught([&] { e.wait(); }));
      e.wait();
      say("again");
    });
    yield();
    t.cancel("first");
    t.cancel("second");
    give_up_passes(2);
    CHECK(t.cancelling() == 2);
    e.set();
    t.await();
  });
  CHECK(say.take() == "cancelled_error(second) again");
}

TEST_CASE_FIXTURE(fixture, "a cancellation that is pending when an event is waited for") {
  run([&] {
    event e;
    async([&] {
      current_task().cancel();
      say(caught([&] { e.wait(); }));
    }).await();
    e.set();
    async([&] {
      current_task().cancel();
      CHECK(e.wait());  // does not wait, so delivers nothing
      say(caught([] { yield(); }));
    }).await();
  });
  CHECK(say.take() == "cancelled_error cancelled_error");
}

TEST_CASE_FIXTURE(fixture, "a destructor that waits for an event while an exception is on its way") {
  run([&] {
    event e;
    struct waits {
      event& e;
      ~waits() { e.wait(); }
    };
    auto t = async([&] {
      say(caught([&] {
        const waits at_end{e};
        throw std::runtime_error("boom");
      }));
      say(caught([] { yield(); }));
    });
    yield();
    t.cancel();
    give_up_passes(3);
    CHECK(say.take().empty());
    e.set();
    t.await();
  });
  CHECK(say.take() == "boom cancelled_error");
}

TEST_CASE_FIXTURE(fixture, "a timeout around an event's wait leaves neither a waiter nor a timer") {
  run([&] {
    event e;
    CHECK(caught([&] { wait_for([&] { e.wait(); }, 1s); }) == "timeout_error");
    CHECK(get_running_loop().pending_timers() == 0);
    e.set();
    CHECK(wait_for([&] { return e.wait(); }, 1s));
    CHECK(get_running_loop().pending_timers() == 0);
    e.clear();
    get_running_loop().call_later(1s, [&] { e.set(); });
    CHECK(wait_for([&] { return e.wait(); }, 2s));
    CHECK(get_running_loop().pending_timers() == 0);
  });
  CHECK(now() == 2000);
}

// --- Misuse and lifetimes ---

TEST_CASE_FIXTURE(loop_fixture, "an event outside a task: set it may be, and waited for only when it is set") {
  event e;
  CHECK_THROWS_WITH_AS(e.wait(), doctest::Contains("only a task can wait for a event"), usage_error);
  e.set();
  CHECK(e.wait());
  e.clear();
  auto t = loop.create_task([&] { e.wait(); });
  loop.call_soon([&] {
    say(caught([&] { e.wait(); }));
    e.set();
    CHECK(e.wait());
  });
  loop.run_until_complete(t);
  CHECK(say.take() == "usage_error");
}

TEST_CASE_FIXTURE(loop_fixture, "an event that tasks of another loop wait for") {
  event_loop other(loop_options{.clock = &clock});
  watch(other);
  event e;
  auto t = loop.create_task([&] { return e.wait(); });
  loop.run_until_complete([] { yield(); });
  other.run_until_complete([&] {
    CHECK_THROWS_WITH_AS(e.wait(), doctest::Contains("tasks of another loop wait for this event"), usage_error);
    e.set();
    give_up_passes(3);
    CHECK_FALSE(t.done());
  });
  CHECK(loop.run_until_complete(t));
}

TEST_CASE_FIXTURE(loop_fixture, "an event is set while its waiter's loop does not run") {
  event e;
  auto t = loop.create_task([&] { return e.wait(); });
  loop.run_until_complete([] { yield(); });
  e.set();
  CHECK(loop.run_until_complete(t));
}

TEST_CASE_FIXTURE(fixture, "an event is destroyed while tasks wait for it: they wait until they are cancelled") {
  run([&] {
    auto e = std::make_unique<event>();
    auto a = async([e = e.get()] { e->wait(); });
    auto b = async([&, e = e.get()] { say(caught([e] { e->wait(); })); });
    yield();
    e.reset();
    give_up_passes(3);
    CHECK_FALSE(a.done());
    a.cancel("gone");
    CHECK(caught([&] { a.await(); }) == "cancelled_error(gone)");
    CHECK_FALSE(b.done());
  });
  CHECK(say.take() == "cancelled_error");  // by the end of run
}

TEST_CASE_FIXTURE(fixture, "an event is set and destroyed before its waiters run: they have been woken, and nobody was cancelled") {
  run([&] {
    auto e = std::make_unique<event>();
    auto a = waiter(say, *e, "a");
    auto b = waiter(say, *e, "b");
    yield();
    e->set();
    b.cancel();
    e.reset();
    CHECK(caught([&] { CHECK(a.await()); }) == "nothing");
    CHECK(caught([&] { b.await(); }) == "cancelled_error");
  });
  CHECK(say.take() == "a b-cancelled");
}

TEST_CASE_FIXTURE(fixture, "a thousand wait for an event") {
  run([&] {
    event e;
    int woken = 0;
    std::vector<task<>> all;
    for (int i = 0; i < 1000; ++i) {
      all.push_back(async(task_options{.stack_size = 16 * 1024}, [&, i] {
        e.wait();
        CHECK(woken++ == i);
      }));
    }
    yield();
    e.set();
    gather(all);
    CHECK(woken == 1000);
  });
}

TEST_CASE_FIXTURE(fixture, "random tasks, timeouts and cancellations: set wakes exactly those who waited, in their order") {
  run([&] {
    for (unsigned int seed = 0; seed < 200; ++seed) {
      CAPTURE(seed);
      std::mt19937 random(seed);
      const auto below = [&random](unsigned int end) { return random() % end; };
      event e;
      int sets = 0;
      int ticket = 0;
      int last_served = -1;
      int served_of_set = 0;
      bool in_order = true;
      const auto pause = [&] {
        if (below(2) == 0) {
          give_up_passes(static_cast<int>(below(3)));
        } else {
          sleep(std::chrono::milliseconds(below(3)));
        }
      };
      const auto visit = [&] {
        if (e.is_set()) {
          e.wait();
          return;
        }
        const int mine = ticket++;
        const int before = sets;
        e.wait();
        // Woken by a set that came after it began to wait; within one set in the order of arrival.
        if (sets == before) in_order = false;
        if (sets == served_of_set && mine < last_served) in_order = false;
        served_of_set = sets;
        last_served = mine;
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
      const auto all_done = [&] { return std::all_of(jobs.begin(), jobs.end(), [](const auto& j) { return j.done(); }); };
      for (int i = 0; !all_done(); ++i) {
        pause();
        if (i < 20) jobs[below(5)].cancel();
        ++sets;
        e.set();
        if (below(2) == 0) pause();
        e.clear();
      }
      gather(return_exceptions, jobs);
      CHECK(in_order);
      CHECK(get_running_loop().pending_timers() == 0);
    }
  });
}
