// SPDX-License-Identifier: BSL-1.0
#include <nakh/semaphore.hpp>

#include "support/fixture.hpp"

#include <nakh/gather.hpp>
#include <nakh/task.hpp>
#include <nakh/timeout.hpp>

#include <algorithm>
#include <cstddef>
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

/// Takes a permit and keeps it; says its name, or that it was cancelled.
template <class Semaphore>
auto taker(trace& says, Semaphore& s, std::string name) {
  return async([&says, &s, name = std::move(name)] {
    try {
      s.acquire();
      says(name);
    } catch (const cancelled_error&) {
      says(name + "-cancelled");
      throw;
    }
  });
}

}  // namespace

TEST_CASE_FIXTURE(fixture, "T-sem-01: as many inside as there are permits, not more") {
  run([&] {
    semaphore s(3);
    int inside = 0;
    int most = 0;
    std::vector<task<>> all;
    for (int i = 0; i < 10; ++i) {
      all.push_back(async([&] {
        const std::scoped_lock hold(s);
        most = std::max(most, ++inside);
        sleep(1s);
        --inside;
      }));
    }
    gather(all);
    CHECK(most == 3);
    CHECK(now() == 4000);
    CHECK(s.permits() == 3);
  });
}

TEST_CASE_FIXTURE(fixture, "T-sem-01: permits at the beginning: 1 unless said otherwise, 0 is locked, fewer are an error") {
  CHECK(semaphore().permits() == 1);
  CHECK_FALSE(semaphore().locked());
  CHECK(bounded_semaphore().permits() == 1);
  CHECK(semaphore(0).locked());
  CHECK(bounded_semaphore(0).locked());
  CHECK_THROWS_WITH_AS(semaphore(-1), "nakh: a semaphore was given -1 permits; it takes 0 or more", std::invalid_argument);
  CHECK_THROWS_AS(bounded_semaphore(-7), std::invalid_argument);
  run([&] {
    semaphore s(0);
    CHECK_FALSE(s.try_acquire());
    auto a = taker(say, s, "a");
    give_up_passes(2);
    CHECK_FALSE(a.done());
    s.release();
    a.await();
    CHECK(s.locked());
  });
  CHECK(say.take() == "a");
}

TEST_CASE_FIXTURE(fixture, "T-sem-01: a free permit is taken without suspending") {
  run([&] {
    semaphore s(2);
    get_running_loop().call_soon([&] { say("pass"); });
    s.acquire();
    CHECK_FALSE(s.locked());
    CHECK(s.try_acquire());
    CHECK(s.locked());
    CHECK(s.permits() == 0);
    CHECK_FALSE(s.try_acquire());
    s.release();
    CHECK(s.permits() == 1);
    s.lock();
    s.unlock();
    CHECK(s.try_lock());
    say("no pass so far");
  });
  CHECK(say.take() == "no pass so far pass");
}

TEST_CASE_FIXTURE(fixture, "T-sem-02: who gives its permit back and takes one again stands behind those who wait") {
  run([&] {
    semaphore s(1);
    s.acquire();
    auto a = async([&] {
      s.acquire();
      say("a");
      s.release();
    });
    auto b = async([&] {
      s.acquire();
      say("b");
      s.release();
    });
    yield();
    s.release();
    s.acquire();
    say("owner");
    s.release();
    gather(a, b);
    CHECK(s.permits() == 1);
  });
  CHECK(say.take() == "a b owner");
}

TEST_CASE_FIXTURE(fixture, "T-sem-03: a plain one may be released more often than acquired") {
  run([&] {
    semaphore s(1);
    s.release();
    s.release();
    CHECK(s.permits() == 3);
    for (int i = 0; i < 3; ++i) CHECK(s.try_acquire());
    CHECK_FALSE(s.try_acquire());
  });
}

TEST_CASE_FIXTURE(fixture, "T-sem-03: a bounded one may not; nothing changes then") {
  run([&] {
    bounded_semaphore s(2);
    CHECK_THROWS_WITH_AS(s.release(), doctest::Contains("released more often than acquired; it has all its 2 permits"),
                         std::invalid_argument);
    CHECK(s.permits() == 2);
    s.acquire();
    s.release();
    CHECK(caught([&] { s.unlock(); }) == "invalid_argument");
    CHECK(s.permits() == 2);
    CHECK(s.try_acquire());
    CHECK(s.try_lock());
    auto a = taker(say, s, "a");
    yield();
    s.release();
    a.await();
    s.release();
    s.release();
    CHECK(caught([&] { s.release(); }) == "invalid_argument");
  });
  CHECK(say.take() == "a");
}

TEST_CASE_FIXTURE(fixture, "T-sem-04: the first in line is cancelled, then one is released: the next live one is served") {
  run([&] {
    semaphore s(0);
    auto a = taker(say, s, "a");
    auto b = taker(say, s, "b");
    auto c = taker(say, s, "c");
    yield();
    a.cancel();
    b.cancel();
    s.release();
    c.await();
    CHECK(a.cancelled());
    CHECK(b.cancelled());
    CHECK(s.permits() == 0);
    CHECK(s.locked());
  });
  CHECK(say.take() == "a-cancelled b-cancelled c");
}

TEST_CASE_FIXTURE(fixture, "T-sem-05: one is released, then the chosen one is cancelled: its permit goes to the next") {
  run([&] {
    semaphore s(0);
    auto a = taker(say, s, "a");
    auto b = taker(say, s, "b");
    auto c = taker(say, s, "c");
    yield();
    s.release();
    a.cancel();
    b.await();
    CHECK(s.permits() == 0);
    give_up_passes(3);
    CHECK_FALSE(c.done());
    s.release();
    c.await();
  });
  CHECK(say.take() == "a-cancelled b c");
}

TEST_CASE_FIXTURE(fixture, "T-sem-05: and comes back when there is no next one") {
  run([&] {
    semaphore s(0);
    auto a = taker(say, s, "a");
    yield();
    s.release();
    CHECK(s.permits() == 0);
    a.cancel();
    CHECK(caught([&] { a.await(); }) == "cancelled_error");
    CHECK(s.permits() == 1);
    CHECK_FALSE(s.locked());
  });
  CHECK(say.take() == "a-cancelled");
}

TEST_CASE_FIXTURE(fixture, "T-sem-06: a permit that is promised is not free: locked, and newcomers stand in line") {
  run([&] {
    semaphore s(0);
    auto a = taker(say, s, "a");
    auto b = taker(say, s, "b");
    yield();
    s.release();
    CHECK(s.locked());
    CHECK(s.permits() == 0);
    CHECK_FALSE(s.try_acquire());
    auto late = taker(say, s, "late");
    s.release();
    s.release();  // free, but two are about to run
    CHECK(s.locked());
    CHECK_FALSE(s.try_acquire());
    gather(a, b, late);
    CHECK(s.permits() == 0);
  });
  CHECK(say.take() == "a b late");
}

TEST_CASE_FIXTURE(fixture, "T-sem-07: several released at once: all are woken in that pass, in order, before what they start") {
  run([&] {
    semaphore s(0);
    std::vector<task<>> all;
    for (const char* name : {"a", "b", "c"}) {
      all.push_back(async([&, name] {
        s.acquire();
        say(name);
        get_running_loop().call_soon([&, name] { say(std::string(name) + "-started"); });
      }));
    }
    yield();
    for (int i = 0; i < 3; ++i) s.release();
    yield();
    CHECK(say.take() == "a b c");
    gather(all);
  });
  CHECK(say.take() == "a-started b-started c-started");
}

TEST_CASE_FIXTURE(fixture, "T-sem-08: several permits and a cancelled one among the woken: the others are all served") {
  for (const int victim : {0, 1, 2}) {
    run([&] {
      semaphore s(0);
      std::vector<task<>> all;
      for (const char* name : {"a", "b", "c", "d"}) all.push_back(taker(say, s, name));
      yield();
      for (int i = 0; i < 3; ++i) s.release();
      all[static_cast<std::size_t>(victim)].cancel();
      gather(return_exceptions, all);
      CHECK(s.permits() == 0);
    });
    CHECK(say.take() ==
          std::vector<std::string>{"a-cancelled b c d", "a b-cancelled c d", "a b c-cancelled d"}[static_cast<std::size_t>(victim)]);
  }
}

TEST_CASE_FIXTURE(fixture, "T-sem-08: those who come while woken ones are still to run are served by what is left") {
  run([&] {
    semaphore s(0);
    auto a = taker(say, s, "a");
    auto b = taker(say, s, "b");
    yield();
    auto late = taker(say, s, "late");
    auto later = taker(say, s, "later");
    s.release();
    s.release();
    s.release();
    s.release();
    a.cancel();
    gather(return_exceptions, b, late, later);
    CHECK(a.cancelled());
    CHECK(s.permits() == 1);
  });
  CHECK(say.take() == "a-cancelled b late later");
}

// --- Cancellation and timeouts ---

TEST_CASE_FIXTURE(fixture, "a cancelled task in a semaphore's line leaves it at once") {
  run([&] {
    semaphore s(0);
    auto a = taker(say, s, "a");
    yield();
    a.cancel("why");
    s.release();
    CHECK(s.permits() == 1);
    CHECK_FALSE(s.locked());
    CHECK(caught([&] { a.await(); }) == "cancelled_error(why)");
    CHECK(s.permits() == 1);
  });
  CHECK(say.take() == "a-cancelled");
}

TEST_CASE_FIXTURE(fixture, "cancelled twice, before and after it was chosen: one permit is passed on") {
  run([&] {
    semaphore s(0);
    auto a = async([&] {
      say(caught([&] { s.acquire(); }));
      CHECK(current_task().cancelling() == 2);
      s.acquire();
      say("again");
    });
    yield();
    a.cancel("first");
    a.cancel("second");
    s.release();
    a.await();
    CHECK(s.permits() == 0);

    auto b = taker(say, s, "b");
    auto c = taker(say, s, "c");
    yield();
    s.release();
    b.cancel();
    b.cancel();
    c.await();
    CHECK(b.cancelled());
    CHECK(s.permits() == 0);
  });
  CHECK(say.take() == "cancelled_error(second) again b-cancelled c");
}

TEST_CASE_FIXTURE(fixture, "a cancellation that is pending when a permit is acquired") {
  run([&] {
    semaphore s(1);
    async([&] {
      current_task().cancel();
      s.acquire();  // needs no waiting, so delivers nothing
      say(caught([] { yield(); }));
      current_task().cancel();
      say(caught([&] { s.acquire(); }));
      s.release();
    }).await();
    CHECK(s.permits() == 1);
  });
  CHECK(say.take() == "cancelled_error cancelled_error");
}

TEST_CASE_FIXTURE(fixture, "a destructor that acquires while an exception is on its way: the cancellation comes later") {
  run([&] {
    semaphore s(0);
    struct acquires {
      semaphore& s;
      ~acquires() { s.acquire(); }
    };
    auto t = async([&] {
      say(caught([&] {
        const acquires at_end{s};
        throw std::runtime_error("boom");
      }));
      say(caught([] { yield(); }));
    });
    yield();
    t.cancel();
    give_up_passes(3);
    CHECK(say.take().empty());
    s.release();
    t.await();
    CHECK(s.permits() == 0);
  });
  CHECK(say.take() == "boom cancelled_error");
}

TEST_CASE_FIXTURE(fixture, "a timeout around acquire leaves neither a waiter nor a timer, and no permit is lost") {
  run([&] {
    semaphore s(0);
    CHECK(caught([&] { wait_for([&] { s.acquire(); }, 1s); }) == "timeout_error");
    CHECK(get_running_loop().pending_timers() == 0);
    s.release();
    CHECK(s.permits() == 1);
    wait_for([&] { s.acquire(); }, 1s);
    CHECK(get_running_loop().pending_timers() == 0);
    // Released in the pass of the deadline, just before it.
    get_running_loop().call_later(1s, [&] { s.release(); });
    CHECK(caught([&] { wait_for([&] { s.acquire(); }, 1s); }) == "timeout_error");
    CHECK(s.permits() == 1);
  });
}

// --- Misuse and lifetimes ---

TEST_CASE_FIXTURE(loop_fixture, "a semaphore outside a task: a free permit may be taken, to wait is an error") {
  semaphore s(1);
  s.acquire();
  CHECK_THROWS_WITH_AS(s.acquire(), doctest::Contains("only a task can wait for a semaphore"), usage_error);
  CHECK(s.permits() == 0);
  auto a = loop.create_task([&] { s.acquire(); });
  loop.call_soon([&] {
    say(caught([&] { s.acquire(); }));
    s.release();
  });
  loop.run_until_complete(a);
  CHECK(say.take() == "usage_error");
}

TEST_CASE_FIXTURE(loop_fixture, "a semaphore that tasks of another loop wait for") {
  event_loop other(loop_options{.clock = &clock});
  watch(other);
  semaphore s(0);
  auto a = loop.create_task([&] { s.acquire(); });
  loop.run_until_complete([] { yield(); });
  other.run_until_complete([&] {
    CHECK_THROWS_WITH_AS(s.acquire(), doctest::Contains("tasks of another loop wait for this semaphore"), usage_error);
    s.release();
    give_up_passes(3);
    CHECK_FALSE(a.done());
    CHECK(s.locked());
  });
  loop.run_until_complete(a);
  CHECK(s.permits() == 0);
}

TEST_CASE_FIXTURE(fixture, "a semaphore is destroyed while tasks wait for it: they wait until they are cancelled") {
  run([&] {
    auto s = std::make_unique<semaphore>(0);
    const auto acquires = [s = s.get()] { s->acquire(); };
    auto a = async(acquires);
    auto b = async(acquires);
    auto c = async([&, acquires] { say(caught(acquires)); });
    yield();
    s->release();
    a.cancel("woken before");
    s.reset();
    give_up_passes(3);
    CHECK_FALSE(b.done());
    b.cancel("gone");
    CHECK(caught([&] { a.await(); }) == "cancelled_error(woken before)");
    CHECK(caught([&] { b.await(); }) == "cancelled_error(gone)");
    CHECK_FALSE(c.done());
  });
  CHECK(say.take() == "cancelled_error");  // by the end of run
}

TEST_CASE_FIXTURE(fixture, "random tasks, timeouts and cancellations: permits are conserved, first come, first served") {
  run([&] {
    for (unsigned int seed = 0; seed < 200; ++seed) {
      CAPTURE(seed);
      std::mt19937 random(seed);
      const auto below = [&random](unsigned int end) { return random() % end; };
      const std::ptrdiff_t permits = 1 + static_cast<std::ptrdiff_t>(below(3));
      bounded_semaphore s(permits);
      std::ptrdiff_t inside = 0;
      std::ptrdiff_t most_inside = 0;
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
        const std::scoped_lock hold(s);
        served.push_back(ticket);
        most_inside = std::max(most_inside, ++inside);
        const struct leaving {
          std::ptrdiff_t& count;
          ~leaving() { --count; }
        } leave{inside};
        pause();
      };
      std::vector<task<>> jobs;
      for (int i = 0; i < 6; ++i) {
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
        jobs[below(6)].cancel();
        CHECK(s.permits() + inside <= permits);
      }
      gather(return_exceptions, jobs);
      CHECK(most_inside <= permits);
      CHECK(s.permits() == permits);
      CHECK_FALSE(s.locked());
      CHECK(std::is_sorted(served.begin(), served.end()));
      CHECK(get_running_loop().pending_timers() == 0);
    }
  });
}
