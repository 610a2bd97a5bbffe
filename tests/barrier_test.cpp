// SPDX-License-Identifier: BSL-1.0
#include <nakh/barrier.hpp>

#include "support/fixture.hpp"

#include <nakh/gather.hpp>
#include <nakh/timeout.hpp>

#include <cstddef>
#include <memory>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

using namespace nakh;
using namespace nakh::test;
using namespace std::chrono_literals;

namespace {

/// Waits at the barrier; says its name with the index, or how it ended.
auto party(trace& says, barrier& b, std::string name) {
  return async([&says, &b, name = std::move(name)] {
    try {
      says(name, static_cast<long long>(b.wait()));
    } catch (const broken_barrier_error&) {
      says(name + "-broken");
    } catch (const cancelled_error&) {
      says(name + "-cancelled");
      throw;
    }
  });
}

}  // namespace

TEST_CASE_FIXTURE(fixture, "T-bar-01: no parties are an error; one party goes through without waiting") {
  CHECK_THROWS_WITH_AS(barrier(0), "nakh: a barrier for no parties was asked for; it takes at least one", std::invalid_argument);
  run([&] {
    barrier b(1);
    CHECK(b.parties() == 1);
    auto other = async([&] { say("other"); });
    for (int i = 0; i < 3; ++i) CHECK(b.wait() == 0);
    CHECK(say.take().empty());
    CHECK(b.waiting() == 0);
    other.await();
  });
  CHECK(say.take() == "other");
}

TEST_CASE_FIXTURE(fixture, "T-bar-02: the last goes on first, then the others as they came; each has its own index") {
  run([&] {
    barrier b(3);
    auto x = party(say, b, "x");
    auto y = party(say, b, "y");
    sleep(1s);
    CHECK(b.waiting() == 2);
    CHECK(say.take().empty());
    CHECK(b.wait() == 2);
    say("last");
    gather(x, y);
    CHECK(b.waiting() == 0);
    CHECK_FALSE(b.broken());
  });
  CHECK(say.take() == "last x0 y1");
}

TEST_CASE_FIXTURE(fixture, "T-bar-03: when all have passed it is ready for the next round; while they leave nobody waits") {
  run([&] {
    barrier b(2);
    for (int round = 0; round < 3; ++round) {
      auto x = party(say, b, "x");
      yield();
      CHECK(b.waiting() == 1);
      CHECK(b.wait() == 1);
      CHECK(b.waiting() == 0);  // x is still to leave
      x.await();
      CHECK(b.waiting() == 0);
    }
    CHECK(say.take() == "x0 x0 x0");
    // The same task twice, without a pause.
    auto twice = async([&] { return std::pair(b.wait(), b.wait()); });
    b.wait();
    b.wait();
    CHECK(twice.await().first == 1);
  });
}

TEST_CASE_FIXTURE(fixture, "T-bar-04: one that waits is cancelled: it leaves, the others wait on, and no index is given out twice") {
  run([&] {
    barrier b(3);
    auto x = party(say, b, "x");
    auto y = party(say, b, "y");
    yield();
    CHECK(b.waiting() == 2);
    x.cancel();
    give_up_passes(3);
    CHECK(x.cancelled());
    CHECK(b.waiting() == 1);
    CHECK_FALSE(b.broken());
    auto z = party(say, b, "z");
    yield();
    CHECK_FALSE(y.done());
    CHECK(b.wait() == 2);
    gather(y, z);
  });
  CHECK(say.take() == "x-cancelled y1 z0");
}

TEST_CASE_FIXTURE(fixture, "T-bar-04: cancelled after the last came, before it went on: the round is over for the others all the same") {
  run([&] {
    barrier b(3);
    auto x = party(say, b, "x");
    auto y = party(say, b, "y");
    yield();
    b.wait();
    x.cancel();
    y.await();
    give_up_passes(3);
    CHECK(x.cancelled());
    CHECK(say.take() == "x-cancelled y1");
    // The next round is whole.
    auto u = party(say, b, "u");
    auto v = party(say, b, "v");
    yield();
    b.wait();
    gather(u, v);
  });
  CHECK(say.take() == "u0 v1");
}

TEST_CASE_FIXTURE(fixture, "T-bar-05: reset while some wait: they get the error, and the barrier can be used again") {
  run([&] {
    barrier b(3);
    auto x = party(say, b, "x");
    auto y = party(say, b, "y");
    yield();
    b.reset();
    gather(x, y);
    CHECK(say.take() == "x-broken y-broken");
    CHECK_FALSE(b.broken());
    CHECK(b.waiting() == 0);
    auto u = party(say, b, "u");
    auto v = party(say, b, "v");
    yield();
    CHECK(b.wait() == 2);
    gather(u, v);
  });
  CHECK(say.take() == "u0 v1");
}

TEST_CASE_FIXTURE(fixture, "T-bar-06: aborted: who waits and who comes gets the error, until it is reset") {
  run([&] {
    barrier b(2);
    auto x = party(say, b, "x");
    yield();
    b.abort();
    CHECK(b.broken());
    x.await();
    party(say, b, "late").await();
    CHECK_THROWS_WITH_AS(b.wait(), "nakh: the barrier is broken; reset it to use it again", broken_barrier_error);
    CHECK(say.take() == "x-broken late-broken");
    b.reset();
    CHECK_FALSE(b.broken());
    auto y = party(say, b, "y");
    yield();
    CHECK(b.wait() == 1);
    y.await();
  });
  CHECK(say.take() == "y0");
}

TEST_CASE_FIXTURE(fixture, "T-bar-07: reset of one at which nobody waits changes nothing; a broken one is mended") {
  run([&] {
    barrier b(2);
    b.reset();
    CHECK_FALSE(b.broken());
    auto x = party(say, b, "x");
    yield();
    b.wait();
    x.await();
    b.reset();
    b.abort();
    b.abort();
    b.reset();
    CHECK_FALSE(b.broken());
    auto y = party(say, b, "y");
    yield();
    CHECK(b.wait() == 1);
    y.await();
  });
  CHECK(say.take() == "x0 y0");
}

TEST_CASE_FIXTURE(fixture, "T-bar-08: back while others still leave: it waits until they have left, and is the next round's first") {
  run([&] {
    barrier b(2);
    auto x = party(say, b, "x");
    yield();
    CHECK(b.wait() == 1);
    auto again = async([&] { say("again", static_cast<long long>(b.wait())); });
    CHECK(b.waiting() == 0);
    x.await();
    give_up_passes(3);
    CHECK(b.waiting() == 1);
    CHECK_FALSE(again.done());
    CHECK(b.wait() == 1);
    again.await();
    // The same during a reset.
    auto u = party(say, b, "u");
    yield();
    b.reset();
    auto v = party(say, b, "v");
    u.await();
    give_up_passes(3);
    CHECK(b.waiting() == 1);
    b.wait();
    v.await();
  });
  CHECK(say.take() == "x0 again0 u-broken v0");
}

// --- Cancellation and timeouts ---

TEST_CASE_FIXTURE(fixture, "cancelled while it waits for others to leave: it never was there") {
  run([&] {
    barrier b(2);
    auto x = party(say, b, "x");
    yield();
    b.wait();
    auto early = party(say, b, "early");
    auto cancels = async([&] { early.cancel(); });
    gather(return_exceptions, x, early, cancels);
    CHECK(b.waiting() == 0);
    auto y = party(say, b, "y");
    yield();
    CHECK(b.wait() == 1);
    y.await();
  });
  CHECK(say.take() == "x0 early-cancelled y0");
}

TEST_CASE_FIXTURE(fixture, "a timeout at a barrier: nothing is left there") {
  run([&] {
    barrier b(2);
    CHECK(caught([&] { wait_for([&] { return b.wait(); }, 1s); }) == "timeout_error");
    CHECK(now() == 1000);
    CHECK(b.waiting() == 0);
    CHECK_FALSE(b.broken());
    CHECK(get_running_loop().pending_timers() == 0);
  });
}

TEST_CASE_FIXTURE(fixture, "reset and cancelled in the same pass: cancelled it is, and the barrier is whole") {
  for (const bool cancel_first : {false, true}) {
    CAPTURE(cancel_first);
    run([&] {
      barrier b(3);
      auto x = party(say, b, "x");
      auto y = party(say, b, "y");
      yield();
      if (cancel_first) x.cancel();
      b.reset();
      if (!cancel_first) x.cancel();
      gather(return_exceptions, x, y);
      CHECK(x.cancelled());
      CHECK_FALSE(b.broken());
      CHECK(b.waiting() == 0);
    });
    CHECK(say.take() == "x-cancelled y-broken");
  }
}

// --- Lifetimes ---

TEST_CASE_FIXTURE(fixture, "a barrier is destroyed while tasks wait at it: they wait until they are cancelled") {
  run([&] {
    auto b = std::make_unique<barrier>(3);
    auto x = party(say, *b, "x");
    auto y = party(say, *b, "y");
    yield();
    b.reset();
    give_up_passes(2);
    CHECK_FALSE(x.done());
    x.cancel();
    CHECK(caught([&] { x.await(); }) == "cancelled_error");
  });
  CHECK(say.take() == "x-cancelled y-cancelled");  // y by the end of run
}

TEST_CASE_FIXTURE(fixture, "a barrier is destroyed by the last who came, while the others still leave") {
  run([&] {
    auto b = std::make_unique<barrier>(3);
    auto x = party(say, *b, "x");
    auto y = party(say, *b, "y");
    yield();
    b->wait();
    b.reset();
    gather(x, y);
  });
  CHECK(say.take() == "x0 y1");
}

TEST_CASE_FIXTURE(loop_fixture, "a barrier outside a task: to wait for others is an error, and nobody is left there") {
  barrier b(2);
  CHECK_THROWS_WITH_AS(b.wait(), doctest::Contains("only a task can wait for a condition variable"), usage_error);
  CHECK(b.waiting() == 0);
  b.abort();
  b.reset();
  barrier alone(1);
  CHECK(alone.wait() == 0);
}

TEST_CASE_FIXTURE(fixture, "random parties, timeouts and cancellations: the barrier stays whole") {
  run([&] {
    for (unsigned int seed = 0; seed < 200; ++seed) {
      CAPTURE(seed);
      std::mt19937 random(seed);
      const auto below = [&random](unsigned int end) { return random() % end; };
      constexpr std::size_t parties = 3;
      barrier b(parties);
      bool in_range = true;
      std::vector<task<>> jobs;
      for (int i = 0; i < 6; ++i) {
        jobs.push_back(async([&] {
          for (int n = 0; n < 10; ++n) {
            if (below(2) == 0) give_up_passes(static_cast<int>(below(3)));
            const auto visit = [&] { in_range = b.wait() < parties && in_range; };
            if (below(4) == 0) {
              try {
                wait_for(visit, std::chrono::milliseconds(below(3)));
              } catch (const timeout_error&) {
              }
            } else {
              visit();
            }
            if (below(4) == 0) sleep(std::chrono::milliseconds(below(3)));
          }
        }));
      }
      for (int i = 0; i < 5; ++i) {
        sleep(std::chrono::milliseconds(below(4)));
        jobs[below(6)].cancel();
      }
      sleep(1s);
      for (auto& j : jobs) j.cancel();  // those for whom nobody is left to come
      gather(return_exceptions, jobs);
      CHECK(b.waiting() == 0);
      CHECK_FALSE(b.broken());
      CHECK(in_range);
      // It is whole: a full round goes through, each with its own index.
      std::vector<task<std::size_t>> round;
      for (std::size_t i = 0; i < parties; ++i) round.push_back(async([&] { return b.wait(); }));
      const auto indexes = gather(round);
      CHECK(std::set<std::size_t>(indexes.begin(), indexes.end()) == std::set<std::size_t>{0, 1, 2});
    }
  });
}
