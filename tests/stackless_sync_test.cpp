// SPDX-License-Identifier: BSL-1.0
#include <nakh/stackless/sync.hpp>

#include "support/coroutines.hpp"
#include "support/fixture.hpp"
#include "support/scenarios.hpp"

#include <nakh/context_var.hpp>
#include <nakh/gather.hpp>
#include <nakh/shield.hpp>
#include <nakh/stackless.hpp>
#include <nakh/testing.hpp>
#include <nakh/thread.hpp>

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace nakh;
using namespace nakh::test;
using namespace std::chrono_literals;

namespace {

co<int> number_later(int n, delay d) {
  co_await stackless::sleep(d);
  co_return n;
}
co<> fails_later(std::string what, delay d) {
  co_await stackless::sleep(d);
  throw std::runtime_error(what);
}
co<> turns(int count) {
  for (int i = 0; i < count; ++i) co_await stackless::yield();
}
co<> tells_cancellation(trace& say, std::string name, delay d) {
  try {
    co_await stackless::sleep(d);
    say(name + " ended");
  } catch (const cancelled_error&) {
    say(name + " cancelled");
    throw;
  }
}

/// The tasks 0, 1, 2...: even ones are coroutines, odd ones fibers, which do the same.
template <class Coroutine, class Function>
std::vector<task<>> mixed(int count, Coroutine& coroutine, Function& function) {
  std::vector<task<>> all;
  for (int i = 0; i < count; ++i) {
    if (i % 2 == 0) {
      all.push_back(stackless::spawn(coroutine(i)));
    } else {
      all.push_back(async([&function, i] { function(i); }));
    }
  }
  return all;
}

co<> take_item(trace& say, queue<int>& q, std::string name) {
  try {
    const int item = co_await stackless::get(q);
    say(name, item);
  } catch (...) {
    say(name + " " + caught(std::current_exception()));
  }
}
co<> give_item(trace& say, queue<int>& q, int item) {
  try {
    co_await stackless::put(q, item);
    say("put", item);
  } catch (...) {
    say("put " + caught(std::current_exception()));
  }
}

constexpr auto shut_down = "nakh: the queue was shut down";

}  // namespace

// --- mutex ---

TEST_CASE_FIXTURE(fixture, "mutex: fibers and coroutines stand in one line, first come, first served, and nobody overtakes") {
  mutex m;
  const auto coroutine = [&](int i) -> co<> {
    const auto hold = co_await stackless::hold(m);
    say("", i);
    co_await stackless::yield();
  };
  const auto function = [&](int i) {
    const std::scoped_lock hold(m);
    say("", i);
    yield();
  };
  const auto main = [&]() -> co<> {
    co_await stackless::lock(m);
    const auto all = mixed(6, coroutine, function);
    co_await stackless::yield();
    m.unlock();
    CHECK_FALSE(m.locked());
    CHECK_FALSE(m.try_lock());
    co_await stackless::gather(all);
    CHECK(m.try_lock());
    m.unlock();
  };
  run(main());
  CHECK(say.take() == "0 1 2 3 4 5");
}

TEST_CASE_FIXTURE(fixture, "mutex: who is cancelled in line, or when it was its turn, passes it on; an error lets it go") {
  mutex m;
  const auto coroutine = [&](int i) -> co<> {
    const auto hold = co_await stackless::hold(m);
    say("", i);
  };
  const auto function = [&](int i) {
    const std::scoped_lock hold(m);
    say("", i);
  };
  const auto main = [&]() -> co<> {
    for (int first = 0; first < 2; ++first) {
      for (const bool woken : {false, true}) {
        co_await stackless::lock(m);
        const auto all = mixed(4, coroutine, function);
        co_await stackless::yield();
        if (woken) m.unlock();
        const std::size_t victim = static_cast<std::size_t>(first);
        all[victim].cancel();
        if (!woken) m.unlock();
        co_await stackless::wait(all);
        CHECK(all[victim].cancelled());
        CHECK(m.try_lock());
        m.unlock();
      }
    }
    const auto fails = [&]() -> co<> {
      const auto hold = co_await stackless::hold(m);
      co_await stackless::yield();
      throw std::runtime_error("inside");
    };
    say(co_await caught_in([&] { return fails(); }));
    CHECK_FALSE(m.locked());
    say(caught([&] { m.unlock(); }));
  };
  run(main());
  CHECK(say.take() == "1 2 3 1 2 3 0 2 3 0 2 3 inside usage_error");
}

TEST_CASE_FIXTURE(fixture, "mutex: destroyed while coroutines wait for it, and when one is about to have it") {
  const auto waits = [](mutex& m) -> co<> { co_await stackless::lock(m); };
  const auto main = [&]() -> co<> {
    auto gone = std::make_unique<mutex>();
    co_await stackless::lock(*gone);
    auto asleep = stackless::spawn(waits(*gone));
    co_await stackless::yield();
    gone.reset();
    co_await stackless::sleep(1s);
    CHECK_FALSE(asleep.done());
    asleep.cancel();
    say(co_await caught_in([&] { return asleep; }));
    gone = std::make_unique<mutex>();
    co_await stackless::lock(*gone);
    auto woken = stackless::spawn(waits(*gone));
    auto woken_and_cancelled = stackless::spawn(waits(*gone));
    co_await stackless::yield();
    gone->unlock();
    gone.reset();
    say(co_await caught_in([&] { return woken; }));
    woken_and_cancelled.cancel();
    say(co_await caught_in([&] { return woken_and_cancelled; }));
  };
  run(main());
  CHECK(say.take() == "cancelled_error usage_error cancelled_error");
}

TEST_CASE_FIXTURE(fixture, "a primitive belongs to the loop whose tasks wait for it") {
  event_loop other(loop_options{.clock = &clock});
  watch(other);
  event e;
  queue<int> q;
  const auto waits = [&]() -> co<> { co_await stackless::wait(e); };
  const auto gets = [&]() -> co<> { static_cast<void>(co_await stackless::get(q)); };
  auto first = other.create_task(waits());
  auto second = other.create_task(gets());
  other.call_soon([&] { other.stop(); });
  other.run_forever();
  const auto main = [&]() -> co<> {
    say(co_await caught_in([&] { return stackless::wait(e); }));
    say(co_await caught_in([&] { return stackless::get(q); }));
    co_await stackless::yield();
  };
  run(main());
  CHECK(say.take() == "usage_error usage_error");
  e.set();
  q.put_nowait(1);
  other.run_until_complete(first);
  other.run_until_complete(second);
  other.close();
}

// --- semaphore ---

TEST_CASE_FIXTURE(fixture, "semaphore: its permits go in line to fibers and coroutines; none is lost with a cancelled one") {
  semaphore s(0);
  const auto coroutine = [&](int i) -> co<> {
    co_await stackless::acquire(s);
    say("", i);
  };
  const auto function = [&](int i) {
    s.acquire();
    say("", i);
  };
  const auto main = [&]() -> co<> {
    const auto all = mixed(6, coroutine, function);
    co_await stackless::yield();
    s.release();
    s.release();
    all[0].cancel();  // has its permit already
    all[3].cancel();
    co_await turns(3);
    CHECK(say.take() == "1 2");
    for (int i = 0; i < 3; ++i) s.release();
    co_await stackless::wait(all);
    CHECK(say.take() == "4 5");
    CHECK(s.permits() == 1);
    {
      const auto hold = co_await stackless::hold(s);
      CHECK(s.permits() == 0);
    }
    CHECK(s.permits() == 1);
    bounded_semaphore b(1);
    {
      const auto hold = co_await stackless::hold(b);
      CHECK(b.locked());
    }
    co_await stackless::acquire(b);
    b.release();
    say(caught([&] { b.release(); }));
  };
  run(main());
  CHECK(say.take() == "invalid_argument");
}

TEST_CASE_FIXTURE(fixture, "semaphore: one that comes while another is about to run gets a permit that is free") {
  semaphore s(0);
  const auto takes = [&](int i) -> co<> {
    co_await stackless::acquire(s);
    say("", i);
  };
  const auto main = [&]() -> co<> {
    auto first = stackless::spawn(takes(1));
    co_await stackless::yield();
    s.release();
    auto second = stackless::spawn(takes(2));
    s.release();
    co_await stackless::gather(first, second);
    CHECK(s.permits() == 0);
  };
  run(main());
  CHECK(say.take() == "1 2");
}

// --- event ---

TEST_CASE_FIXTURE(fixture,
                  "event: wakes all in order, fibers and coroutines, also those that find it cleared again; cancelled ones are not woken") {
  event e;
  const auto coroutine = [&](int i) -> co<> {
    const bool happened = co_await stackless::wait(e);
    CHECK(happened);
    say("", i);
  };
  const auto function = [&](int i) {
    e.wait();
    say("", i);
  };
  const auto main = [&]() -> co<> {
    auto all = mixed(4, coroutine, function);
    co_await stackless::yield();
    all[2].cancel();
    e.set();
    e.clear();
    all[0].cancel();
    co_await stackless::wait(all);
    CHECK(all[0].cancelled());
    CHECK(all[2].cancelled());
    auto one = stackless::spawn(coroutine(9));
    co_await stackless::sleep(1s);
    CHECK_FALSE(one.done());
    e.set();
    co_await one;
    co_await stackless::wait(e);
  };
  run(main());
  CHECK(say.take() == "1 3 9");
}

// --- condition_variable ---

TEST_CASE_FIXTURE(fixture, "condition: notified in line, fibers and coroutines, each with the mutex") {
  condition_variable c;
  const auto coroutine = [&](int i) -> co<> {
    const auto hold = co_await stackless::hold(c);
    co_await stackless::wait(c);
    CHECK(c.locked());
    say("", i);
  };
  const auto function = [&](int i) {
    const std::unique_lock hold(c);
    c.wait();
    CHECK(c.locked());
    say("", i);
  };
  const auto main = [&]() -> co<> {
    const auto all = mixed(6, coroutine, function);
    co_await turns(3);
    {
      const auto hold = co_await stackless::hold(c);
      c.notify(2);
    }
    co_await turns(6);
    CHECK(say.take() == "0 1");
    {
      const auto hold = co_await stackless::hold(c);
      c.notify(1);
      all[2].cancel();  // its notification goes to the next
    }
    co_await turns(6);
    CHECK(all[2].cancelled());
    CHECK(say.take() == "3");
    {
      const auto hold = co_await stackless::hold(c);
      c.notify_all();
    }
    co_await stackless::wait(all);
    CHECK(say.take() == "4 5");
    CHECK_FALSE(c.locked());
    say(co_await caught_in([&] { return stackless::wait(c); }));
    say(caught([&] { c.notify(1); }));
  };
  run(main());
  CHECK(say.take() == "usage_error usage_error");
}

TEST_CASE_FIXTURE(fixture, "condition: a cancelled wait takes the mutex all the same, however often it is cancelled") {
  condition_variable c;
  const auto waits = [&]() -> co<> {
    const auto hold = co_await stackless::hold(c);
    std::string how;
    try {
      co_await stackless::wait(c);
    } catch (const cancelled_error& e) {
      how = e.reason();
    }
    CHECK(c.locked());
    say(how);
  };
  const auto main = [&]() -> co<> {
    auto t = stackless::spawn(waits());
    co_await stackless::yield();
    co_await stackless::lock(c);
    t.cancel("first");
    co_await stackless::yield();
    t.cancel("second");
    co_await stackless::yield();
    t.cancel("third");
    co_await stackless::sleep(1s);
    CHECK_FALSE(t.done());
    c.unlock();
    co_await t;
    CHECK_FALSE(c.locked());
  };
  run(main());
  CHECK(say.take() == "third");
}

TEST_CASE_FIXTURE(fixture, "condition: waits until what it is given is true, and returns that; an error of it comes out with the mutex") {
  condition_variable c;
  std::vector<int> items;
  const auto consumer = [&]() -> co<std::size_t> {
    const auto hold = co_await stackless::hold(c);
    const std::size_t n = co_await stackless::wait(c, [&] { return items.size() < 3 ? 0 : items.size(); });
    co_return n;
  };
  const auto fails = [&]() -> co<> {
    const auto hold = co_await stackless::hold(c);
    static_cast<void>(co_await stackless::wait(c, []() -> bool { throw std::runtime_error("condition"); }));
  };
  const auto main = [&]() -> co<> {
    auto t = stackless::spawn(consumer());
    for (int i = 0; i < 3; ++i) {
      co_await stackless::yield();
      const auto hold = co_await stackless::hold(c);
      items.push_back(i);
      c.notify(1);
    }
    const std::size_t n = co_await t;
    CHECK(n == 3);
    say(co_await caught_in([&] { return fails(); }));
    CHECK_FALSE(c.locked());
  };
  run(main());
  CHECK(say.take() == "condition");
}

TEST_CASE_FIXTURE(fixture, "condition: with a mutex of somebody else, and destroyed while a coroutine waits") {
  mutex m;
  const auto waits = [&](condition_variable& c) -> co<> {
    const auto hold = co_await stackless::hold(m);
    co_await stackless::wait(c);
  };
  const auto own = [&](condition_variable& c) -> co<> {
    co_await stackless::lock(c);
    co_await stackless::wait(c);
  };
  const auto main = [&]() -> co<> {
    auto c = std::make_unique<condition_variable>(m);
    auto first = stackless::spawn(waits(*c));
    co_await stackless::yield();
    {
      const auto hold = co_await stackless::hold(m);
      c->notify(1);
    }
    co_await first;
    auto left = stackless::spawn(waits(*c));
    co_await stackless::yield();
    c.reset();
    left.cancel();
    say(co_await caught_in([&] { return left; }));
    CHECK_FALSE(m.locked());
    c = std::make_unique<condition_variable>();
    auto with_own = stackless::spawn(own(*c));
    co_await stackless::yield();
    c.reset();
    with_own.cancel();
    say(co_await caught_in([&] { return with_own; }));
  };
  run(main());
  CHECK(say.take() == "cancelled_error cancelled_error");
}

// --- barrier ---

TEST_CASE_FIXTURE(fixture, "barrier: fibers and coroutines meet, round after round, each with an index of its own") {
  barrier b(4);
  std::set<std::pair<int, std::size_t>> seen;
  const auto coroutine = [&](int) -> co<> {
    for (int round = 0; round < 3; ++round) {
      const std::size_t index = co_await stackless::wait(b);
      seen.emplace(round, index);
    }
  };
  const auto function = [&](int) {
    for (int round = 0; round < 3; ++round) seen.emplace(round, b.wait());
  };
  const auto main = [&]() -> co<> {
    co_await stackless::gather(mixed(4, coroutine, function));
    CHECK(seen.size() == 12);
    CHECK(b.waiting() == 0);
  };
  run(main());
}

TEST_CASE_FIXTURE(fixture, "barrier: aborted, reset, and left by one that is cancelled, from both sides") {
  barrier b(3);
  const auto coroutine = [&](int) -> co<> {
    std::exception_ptr error;
    try {
      co_await stackless::wait(b);
    } catch (const broken_barrier_error&) {
      error = std::current_exception();
    }
    say(error ? "c broken" : "c passed");
  };
  const auto function = [&](int) {
    try {
      b.wait();
      say("f passed");
    } catch (const broken_barrier_error&) {
      say("f broken");
    }
  };
  const auto main = [&]() -> co<> {
    auto all = mixed(2, coroutine, function);
    co_await stackless::sleep(1s);
    CHECK(b.waiting() == 2);
    co_await stackless::abort(b);
    co_await stackless::gather(all);
    CHECK(b.broken());
    say(co_await caught_in([&] { return stackless::wait(b); }) == "nothing" ? "passed" : "broken");
    co_await stackless::reset(b);
    CHECK_FALSE(b.broken());
    all = mixed(2, coroutine, function);
    co_await stackless::sleep(1s);
    co_await async([&] { b.reset(); });
    co_await stackless::gather(all);
    CHECK(say.take() == "c broken f broken broken c broken f broken");
    all = mixed(3, coroutine, function);
    all[2].cancel();
    co_await stackless::sleep(1s);
    CHECK(b.waiting() == 2);
    auto gone = stackless::spawn(coroutine(0));
    gone.cancel();
    auto last = stackless::spawn(coroutine(0));
    co_await stackless::gather(all[0], all[1], last);
    CHECK(gone.cancelled());
    CHECK(b.waiting() == 0);
  };
  run(main());
}

// --- queue ---

TEST_CASE_FIXTURE(fixture, "queue: getters and putters of both kinds stand in one line each") {
  queue<int> q(1);
  const auto coroutine_gets = [&](int i) -> co<> {
    const int item = co_await stackless::get(q);
    say(std::to_string(i) + ":", item);
  };
  const auto function_gets = [&](int i) { say(std::to_string(i) + ":", q.get()); };
  const auto coroutine_puts = [&](int i) -> co<> { co_await stackless::put(q, i); };
  const auto function_puts = [&](int i) { q.put(i); };
  const auto main = [&]() -> co<> {
    auto getters = mixed(6, coroutine_gets, function_gets);
    co_await stackless::yield();
    auto putters = mixed(6, coroutine_puts, function_puts);
    co_await stackless::gather(getters);
    co_await stackless::gather(putters);
    CHECK(say.take() == "0:0 1:1 2:2 3:3 4:4 5:5");
    putters = mixed(6, coroutine_puts, function_puts);
    co_await stackless::yield();
    getters = mixed(6, coroutine_gets, function_gets);
    co_await stackless::gather(getters);
    co_await stackless::gather(putters);
    CHECK(say.take() == "0:0 1:1 2:2 3:3 4:4 5:5");
    CHECK(q.empty());
  };
  run(main());
}

TEST_CASE_FIXTURE(fixture, "queue: a getter that was woken and finds it emptied waits on, at the line's end; also again and again") {
  queue<int> q;
  const auto main = [&]() -> co<> {
    auto a = stackless::spawn(take_item(say, q, "a"));
    auto b = stackless::spawn(take_item(say, q, "b"));
    auto c = async([&] { say("c", q.get()); });
    co_await stackless::yield();
    q.put_nowait(1);
    CHECK(q.get_nowait() == 1);  // in front of a, which was woken
    co_await turns(3);
    CHECK_FALSE(a.done());
    q.put_nowait(2);
    q.put_nowait(3);
    q.put_nowait(4);
    co_await stackless::gather(a, b, c);
    CHECK(say.take() == "b2 c3 a4");

    auto again = stackless::spawn(take_item(say, q, "again"));
    for (int i = 0; i < 3; ++i) {
      co_await stackless::yield();
      q.put_nowait(i);
      CHECK(q.get_nowait() == i);
      co_await stackless::yield();
      CHECK_FALSE(again.done());
    }
    again.cancel("now");
    co_await again;
    CHECK(say.take() == "again cancelled_error(now)");
    q.put_nowait(7);
    const int last = co_await stackless::get(q);
    CHECK(last == 7);

    auto woken = stackless::spawn(take_item(say, q, "woken"));
    auto next = stackless::spawn(take_item(say, q, "next"));
    co_await stackless::yield();
    q.put_nowait(8);
    CHECK(q.get_nowait() == 8);
    woken.cancel();
    q.put_nowait(9);
    co_await stackless::gather(woken, next);
    CHECK(say.take() == "woken cancelled_error next9");
  };
  run(main());
}

TEST_CASE_FIXTURE(fixture, "queue: a getter that has waited on and is alone again, then is shut down or destroyed") {
  const auto main = [&]() -> co<> {
    for (const bool destroyed : {false, true}) {
      auto q = std::make_unique<queue<int>>();
      auto t = stackless::spawn(take_item(say, *q, "t"));
      co_await stackless::yield();
      q->put_nowait(1);
      CHECK(q->get_nowait() == 1);
      co_await stackless::yield();
      CHECK_FALSE(t.done());
      if (destroyed) {
        q.reset();
        t.cancel();
      } else {
        q->shutdown();
      }
      co_await t;
    }
  };
  run(main());
  CHECK(say.take() == std::string("t ") + shut_down + " t cancelled_error");
}

TEST_CASE_FIXTURE(fixture, "queue: a putter that was woken and finds it full again waits on") {
  queue<int> q(1);
  const auto main = [&]() -> co<> {
    q.put_nowait(0);
    auto a = stackless::spawn(give_item(say, q, 1));
    auto b = async([&] {
      q.put(2);
      say("put2");
    });
    co_await stackless::yield();
    CHECK(q.get_nowait() == 0);
    q.put_nowait(9);
    co_await turns(3);
    CHECK_FALSE(a.done());
    CHECK(say.take().empty());
    CHECK(q.get_nowait() == 9);
    co_await turns(2);
    CHECK(say.take() == "put2");
    CHECK(q.get_nowait() == 2);
    co_await a;
    CHECK(q.get_nowait() == 1);
    auto gone = stackless::spawn(give_item(say, q, 5));
    co_await gone;
    auto waits = stackless::spawn(give_item(say, q, 6));
    auto next = stackless::spawn(give_item(say, q, 7));
    co_await stackless::yield();
    CHECK(q.get_nowait() == 5);
    waits.cancel();  // has its room already: it goes to the next
    co_await stackless::gather(waits, next);
    CHECK(q.get_nowait() == 7);
    CHECK(q.empty());
  };
  run(main());
  CHECK(say.take() == "put1 put5 put cancelled_error put7");
}

TEST_CASE_FIXTURE(fixture, "queue: shut down while getters, putters and joiners wait; at once too") {
  for (const bool immediate : {false, true}) {
    queue<int> q(1);
    const auto joins = [&]() -> co<> {
      co_await stackless::join(q);
      say("joined");
    };
    const auto main = [&]() -> co<> {
      q.put_nowait(0);
      auto putter = stackless::spawn(give_item(say, q, 1));
      auto joiner = stackless::spawn(joins());
      co_await stackless::yield();
      q.shutdown(immediate);
      co_await putter;
      auto getter = stackless::spawn(take_item(say, q, "get"));
      co_await getter;
      if (!immediate) q.task_done();
      co_await joiner;
      say(co_await caught_in([&] { return stackless::put(q, 2); }));
      say(co_await caught_in([&] { return stackless::get(q); }));
      co_await stackless::join(q);
    };
    run(main());
    const std::string both = std::string(shut_down) + " " + shut_down;
    if (immediate) {
      CHECK(say.take() == std::string("joined put ") + shut_down + " get " + shut_down + " " + both);
    } else {
      CHECK(say.take() == std::string("put ") + shut_down + " get0 joined " + both);
    }
  }
  queue<int> q;
  const auto main = [&]() -> co<> {
    auto a = stackless::spawn(take_item(say, q, "a"));
    auto b = async([&] { say("b " + caught([&] { static_cast<void>(q.get()); })); });
    co_await stackless::yield();
    q.shutdown();
    co_await stackless::gather(a, b);
  };
  run(main());
  CHECK(say.take() == std::string("a ") + shut_down + " b " + shut_down);
}

TEST_CASE_FIXTURE(fixture, "queue: destroyed while coroutines wait, and when they are about to go on") {
  const auto joins = [&](queue<int>& q) -> co<> {
    try {
      co_await stackless::join(q);
      say("joined");
    } catch (...) {
      say("join " + caught(std::current_exception()));
    }
  };
  const auto main = [&]() -> co<> {
    auto q = std::make_unique<queue<int>>(1);
    auto getter = stackless::spawn(take_item(say, *q, "get"));
    co_await stackless::yield();
    q.reset();
    co_await stackless::sleep(1s);
    CHECK_FALSE(getter.done());
    getter.cancel();
    co_await getter;

    q = std::make_unique<queue<int>>(1);
    getter = stackless::spawn(take_item(say, *q, "woken"));
    co_await stackless::yield();
    q->put_nowait(1);
    q.reset();
    co_await getter;

    q = std::make_unique<queue<int>>(1);
    q->put_nowait(1);
    auto putter = stackless::spawn(give_item(say, *q, 2));
    auto joiner = stackless::spawn(joins(*q));
    co_await stackless::yield();
    CHECK(q->get_nowait() == 1);
    q->task_done();
    q.reset();
    co_await stackless::gather(putter, joiner);

    q = std::make_unique<queue<int>>(1);
    getter = stackless::spawn(take_item(say, *q, "both"));
    co_await stackless::yield();
    q->put_nowait(1);
    getter.cancel();
    q.reset();
    co_await getter;
  };
  run(main());
  CHECK(say.take() == "get cancelled_error woken usage_error put usage_error joined both cancelled_error");
}

TEST_CASE_FIXTURE(fixture, "queue: items that only move, and the other orders") {
  queue<std::unique_ptr<int>> q(1);
  const auto puts = [&](int n) -> co<> {
    for (int i = 0; i < n; ++i) co_await stackless::put(q, std::make_unique<int>(i));
  };
  const auto main = [&]() -> co<> {
    auto t = stackless::spawn(puts(4));
    for (int i = 0; i < 4; ++i) {
      const auto item = co_await stackless::get(q);
      CHECK(*item == i);
    }
    co_await t;
    priority_queue<int> sorted;
    lifo_queue<int> last;
    for (const int i : {3, 1, 2}) {
      co_await stackless::put(sorted, i);
      co_await stackless::put(last, i);
    }
    const int smallest = co_await stackless::get(sorted);
    const int latest = co_await stackless::get(last);
    CHECK(smallest == 1);
    CHECK(latest == 2);
  };
  run(main());
}

// --- wait, as_completed, gather ---

TEST_CASE_FIXTURE(fixture, "wait: all, the first, the first error, a time; cancelled, nothing else is") {
  const auto main = [&]() -> co<> {
    const std::vector<task<int>> both{stackless::spawn(number_later(1, 1s)), async([] {
                                        sleep(2s);
                                        return 2;
                                      })};
    auto found = co_await stackless::wait(both, {.return_when = first_completed});
    CHECK(found.done.size() == 1);
    CHECK(found.pending.front() == both[1]);
    CHECK(now() == 1000);
    found = co_await stackless::wait(both, {.timeout = 500ms});
    CHECK(found.pending.size() == 1);
    CHECK(now() == 1500);
    found = co_await stackless::wait(both);
    CHECK(found.pending.empty());
    const std::vector<task<>> failing{stackless::spawn(fails_later("x", 1s)), stackless::spawn(turns(1)),
                                      stackless::spawn(fails_later("y", 9s))};
    const auto first = co_await stackless::wait(failing, {.return_when = first_exception});
    CHECK(first.done.size() == 2);
    CHECK(caught(failing[0].exception()) == "x");
    const auto waits = [&]() -> co<> { co_await stackless::wait(failing); };
    auto t = stackless::spawn(waits());
    co_await stackless::yield();
    t.cancel();
    say(co_await caught_in([&] { return t; }));
    CHECK_FALSE(failing[2].done());
    failing[2].cancel();
    say(co_await caught_in([] { return stackless::wait(std::vector<task<>>()); }));
    co_await stackless::wait(failing);
  };
  run(main());
  CHECK(say.take() == "cancelled_error invalid_argument");
}

TEST_CASE_FIXTURE(fixture, "as_completed: in the order of their ends; a timeout; several that ask; one of them is cancelled") {
  const auto asks = [&](completed_range<task<int>>& from, std::string name) -> co<> {
    while (auto t = co_await stackless::next(from)) say(name, t->result());
  };
  const auto main = [&]() -> co<> {
    const auto three = [] {
      return std::vector<task<int>>{stackless::spawn(number_later(3, 3s)), async([] {
                                      sleep(1s);
                                      return 1;
                                    }),
                                    stackless::spawn(number_later(2, 2s))};
    };
    auto all = stackless::as_completed(three());
    auto unnamed = asks(all, "");
    co_await std::move(unnamed);
    CHECK(say.take() == "1 2 3");
    auto shared = stackless::as_completed(three());
    auto a = stackless::spawn(asks(shared, "a"));
    auto b = stackless::spawn(asks(shared, "b"));
    auto c = async([&] { say("c", shared.next()->result()); });
    co_await stackless::yield();
    a.cancel();
    const std::vector<task<>> three_asked{a, b, c};
    co_await stackless::wait(three_asked);
    CHECK(a.cancelled());
    CHECK(say.take() == "b1 c2 b3");
    const auto tasks = three();
    auto timed = stackless::as_completed(tasks, 2500ms);
    say(co_await caught_in([&] { return asks(timed, ""); }));
    CHECK(say.take() == "1 2 timeout_error");
    const auto none = co_await stackless::next(timed);
    CHECK_FALSE(none);
    co_await stackless::wait(tasks);
  };
  run(main());
}

TEST_CASE_FIXTURE(fixture, "gather: cancelled, all its children are; one fails, the others go on") {
  const auto waits = [&]() -> co<> {
    const auto all = stackless::gather(tells_cancellation(say, "a", 1h), async([&] { nakh::await(tells_cancellation(say, "b", 1h)); }),
                                       tells_cancellation(say, "c", 1h));
    co_await all;
  };
  const auto main = [&]() -> co<> {
    auto t = stackless::spawn(waits());
    co_await turns(2);
    t.cancel();
    say(co_await caught_in([&] { return t; }));
    auto failing = stackless::gather(fails_later("x", 1s), tells_cancellation(say, "d", 2s));
    say(co_await caught_in([&] { return failing; }));
    co_await stackless::sleep(3s);
  };
  run(main());
  CHECK(say.take() == "a cancelled b cancelled c cancelled cancelled_error x d ended");
}

// --- timeout, wait_for, shield ---

TEST_CASE_FIXTURE(fixture, "timeout: the body is a coroutine, or makes one; what it does is interrupted where it waits") {
  const auto with_scope = [&](timeout_scope& scope) -> co<int> {
    scope.reschedule(time_point{} + 5s);
    co_await stackless::sleep(3s);
    CHECK_FALSE(scope.expired());
    co_return 4;
  };
  const auto swallows = [&]() -> co<int> {
    say(co_await caught_in([] { return stackless::sleep(1h); }));
    co_return 5;
  };
  const auto replaces = [&]() -> co<> {
    bool cancelled = false;
    try {
      co_await stackless::sleep(1h);
    } catch (const cancelled_error&) {
      cancelled = true;
    }
    if (cancelled) throw std::runtime_error("instead");
  };
  const auto main = [&]() -> co<> {
    const int four = co_await stackless::timeout(1s, with_scope);
    CHECK(four == 4);
    CHECK(now() == 3000);
    say(co_await caught_in([&] { return stackless::timeout(1s, tells_cancellation(say, "a", 1h)); }));
    CHECK(now() == 4000);
    CHECK(current_task().cancelling() == 0);
    say(co_await caught_in([&] { return stackless::timeout_at(time_point{}, tells_cancellation(say, "b", 1h)); }));
    const int five = co_await stackless::timeout(1s, swallows);
    CHECK(five == 5);
    say(co_await caught_in([&] { return stackless::timeout(1s, replaces); }));
    auto unlimited = stackless::timeout(std::nullopt, tells_cancellation(say, "c", 1s));
    co_await std::move(unlimited);
    co_await stackless::timeout(0s, turns(0));
    say(co_await caught_in([&] { return stackless::timeout(0s, turns(1)); }));
    CHECK(current_task().cancelling() == 0);
    const auto inner = [&]() -> co<> {
      say(co_await caught_in([&] { return stackless::timeout(9s, tells_cancellation(say, "d", 1h)); }));
      co_await stackless::yield();
    };
    say(co_await caught_in([&] { return stackless::timeout(1s, inner); }));
    const auto tight = [&]() -> co<> {
      say(co_await caught_in([&] { return stackless::timeout(1s, tells_cancellation(say, "e", 1h)); }));
      co_await stackless::yield();
      say("on");
    };
    co_await stackless::timeout(9s, tight);
  };
  run(main());
  CHECK(say.take() ==
        "a cancelled timeout_error b cancelled timeout_error cancelled_error instead c ended timeout_error d cancelled cancelled_error "
        "nothing"
        " e cancelled timeout_error on");
}

TEST_CASE_FIXTURE(fixture, "timeout: a cancellation from elsewhere stays one, and what the body has left is nested in the error") {
  const auto bounded = [&](delay d) -> co<> {
    auto body = stackless::timeout(d, tells_cancellation(say, "body", 1h));
    co_await std::move(body);
  };
  const auto main = [&]() -> co<> {
    auto t = stackless::spawn(bounded(5s));
    co_await stackless::sleep(1s);
    t.cancel("outside");
    say(co_await caught_in([&] { return t; }));
    auto both = stackless::spawn(bounded(1s));
    co_await stackless::yield();
    get_running_loop().call_later(1s, [both] { both.cancel("at the same time"); });
    say(co_await caught_in([&] { return both; }));
    try {
      co_await bounded(1s);
    } catch (const timeout_error& e) {
      say(caught([&] { std::rethrow_if_nested(e); }));
    }
  };
  run(main());
  CHECK(say.take() ==
        "body cancelled cancelled_error(outside) body cancelled cancelled_error(at the same time) body cancelled cancelled_error");
}

TEST_CASE_FIXTURE(fixture, "timeout: a scope that goes across the border, both ways") {
  const context_var<int> number("number", 1);
  const auto in_coroutine = [&]() -> co<> {
    number.set(2);
    auto fiber = async([&] { nakh::await(tells_cancellation(say, "fiber", 1h)); });
    co_await fiber;
  };
  run([&] {
    say(caught([&] { nakh::timeout(1s, [&] { nakh::await(in_coroutine()); }); }));
    CHECK(number.get() == 2);
    say(caught([&] { nakh::await(stackless::timeout(1s, tells_cancellation(say, "here", 1h))); }));
    say(caught([&] { nakh::timeout(1s, [&] { nakh::await(stackless::timeout(5s, tells_cancellation(say, "inner", 1h))); }); }));
    CHECK(current_task().cancelling() == 0);
  });
  CHECK(say.take() == "fiber cancelled timeout_error here cancelled timeout_error inner cancelled timeout_error");
}

TEST_CASE_FIXTURE(fixture, "wait_for: of a task, a future, and a coroutine, which with no time never begins") {
  const auto main = [&]() -> co<> {
    auto t = stackless::spawn(tells_cancellation(say, "task", 1h));
    say(co_await caught_in([&] { return stackless::wait_for(t, 1s); }));
    CHECK(t.cancelled());
    const int three = co_await stackless::wait_for(number_later(3, 1s), 5s);
    CHECK(three == 3);
    say(co_await caught_in([&] { return stackless::wait_for(tells_cancellation(say, "coroutine", 1h), 1s); }));
    say(co_await caught_in([&] { return stackless::wait_for(tells_cancellation(say, "never", 1h), 0s); }));
    const future<int> f;
    say(co_await caught_in([&] { return stackless::wait_for(f, 1s); }));
    CHECK(f.cancelled());
    const future<int> ready;
    ready.set_result(6);
    const int six = co_await stackless::wait_for(ready, 0s);
    CHECK(six == 6);
    const auto swallows = []() -> co<int> {
      co_await caught_in([] { return stackless::sleep(1h); });
      co_return 8;
    };
    auto late = stackless::spawn(swallows());
    const int eight = co_await stackless::wait_for(late, 1s);
    CHECK(eight == 8);
    auto due = stackless::spawn(swallows());
    co_await stackless::yield();
    const int same = co_await stackless::wait_for(due, 0s);
    CHECK(same == 8);
    const auto unlimited = co_await stackless::wait_for(number_later(9, 1s), std::nullopt);
    CHECK(unlimited == 9);
    const auto moved = []() -> co<std::unique_ptr<int>> { co_return std::make_unique<int>(1); };
    const auto p = co_await stackless::wait_for(moved(), 1s);
    CHECK(*p == 1);
    const auto q = co_await stackless::wait_for(stackless::spawn(moved()), 1s);
    CHECK(*q == 1);
  };
  run(main());
  CHECK(say.take() == "task cancelled timeout_error coroutine cancelled timeout_error timeout_error timeout_error");
}

TEST_CASE_FIXTURE(fixture, "shield: who awaits it is cancelled, the coroutine goes on") {
  const auto waits = [&](task<> inner) -> co<> { co_await stackless::shield(inner); };
  const auto main = [&]() -> co<> {
    auto inner = stackless::spawn(tells_cancellation(say, "inner", 2s));
    auto t = stackless::spawn(waits(inner));
    co_await turns(2);
    t.cancel();
    say(co_await caught_in([&] { return t; }));
    co_await inner;
    co_await stackless::shield(turns(2));
    const int five = co_await stackless::shield(number_later(5, 1s));
    CHECK(five == 5);
    say(co_await caught_in(
        [] { return stackless::timeout(1s, [] { return stackless::await(stackless::shield(fails_later("late", 2s))); }); }));
    co_await stackless::sleep(2s);
  };
  run(main());
  CHECK(say.take() == "cancelled_error inner ended timeout_error");
  CHECK(take_report_error() == "late");
}

// --- task_group ---

TEST_CASE_FIXTURE(fixture, "task group: members of both kinds; the group ends with the last; its result is the body's") {
  const auto body = [&](task_group& g) -> co<int> {
    g.async(tells_cancellation(say, "coroutine", 2s));
    g.async([&] {
      sleep(1s);
      say("fiber");
      g.async(tells_cancellation(say, "late", 3s));
    });
    co_await stackless::yield();
    co_return 6;
  };
  const auto reference = [&](task_group&) -> co<trace&> { co_return say; };
  const auto main = [&]() -> co<> {
    const int six = co_await stackless::task_group::run(body);
    CHECK(six == 6);
    CHECK(now() == 4000);
    trace& same = co_await stackless::task_group::run(reference);
    CHECK(&same == &say);
  };
  run(main());
  CHECK(say.take() == "fiber coroutine ended late ended");
}

TEST_CASE_FIXTURE(fixture, "task group: a member fails, the others and the body are cancelled; all errors come together") {
  const auto body = [&](task_group& g) -> co<> {
    g.async(fails_later("first", 1s));
    g.async(tells_cancellation(say, "other", 1h));
    g.async([&] {
      try {
        sleep(1h);
      } catch (const cancelled_error&) {
        throw std::runtime_error("second");
      }
    });
    auto own = tells_cancellation(say, "body", 1h);
    co_await std::move(own);
  };
  const auto body_fails = [&](task_group& g) -> co<> {
    g.async(tells_cancellation(say, "member", 1h));
    co_await stackless::yield();
    throw std::runtime_error("body's");
  };
  const auto fatal = [&](task_group& g) -> co<> {
    g.async(tells_cancellation(say, "member", 1h));
    co_await stackless::yield();
    throw system_exit(3);
  };
  const auto main = [&]() -> co<> {
    try {
      co_await stackless::task_group::run(body);
    } catch (const exception_group& e) {
      for (const auto& one : e.errors()) say(caught(one));
    }
    CHECK(current_task().cancelling() == 0);
    try {
      co_await stackless::task_group::run(body_fails);
    } catch (const exception_group& e) {
      for (const auto& one : e.errors()) say(caught(one));
    }
    say(co_await caught_in([&] { return stackless::task_group::run(fatal); }));
    co_await stackless::yield();
  };
  run(main());
  CHECK(say.take() == "other cancelled body cancelled first second member cancelled body's member cancelled system_exit(3)");
}

TEST_CASE_FIXTURE(fixture, "task group: cancelled in the body and at the end; and used when it has ended") {
  task_group* escaped = nullptr;
  const auto at_end = [&](task_group& g) -> co<> {
    escaped = &g;
    g.async(tells_cancellation(say, "member", 1h));
    co_return;
  };
  const auto in_body = [&](task_group& g) -> co<> {
    g.async(tells_cancellation(say, "member", 1h));
    auto own = tells_cancellation(say, "body", 1h);
    co_await std::move(own);
  };
  const auto refused = [&](task_group& g) -> co<> {
    auto failing = g.async(fails_later("x", 0s));
    say(co_await caught_in([] { return stackless::sleep(1h); }));
    say(caught([&] { static_cast<void>(g.async(turns(1))); }));
  };
  const auto main = [&]() -> co<> {
    auto t = stackless::spawn(stackless::task_group::run(at_end));
    co_await stackless::sleep(1s);
    t.cancel();
    say(co_await caught_in([&] { return t; }));
    auto u = stackless::spawn(stackless::task_group::run(in_body));
    co_await stackless::sleep(1s);
    u.cancel();
    say(co_await caught_in([&] { return u; }));
    try {
      co_await stackless::task_group::run(refused);
    } catch (const exception_group& e) {
      for (const auto& one : e.errors()) say(caught(one));
    }
  };
  run(main());
  CHECK(say.take() == "member cancelled cancelled_error body cancelled member cancelled cancelled_error cancelled_error usage_error x");
}

// --- threads ---

TEST_CASE_FIXTURE(fixture, "to_thread: in another thread, with the context, its result and its errors; cancelled at once") {
  const context_var<int> number("number", 1);
  std::atomic<bool> go = false;
  const auto main = [&]() -> co<> {
    number.set(5);
    const auto here = std::this_thread::get_id();
    const int five = co_await stackless::to_thread([&] {
      CHECK(std::this_thread::get_id() != here);
      return number.get();
    });
    CHECK(five == 5);
    const auto made = stackless::to_thread([](std::string a, int b) { return a + std::to_string(b); }, std::string("x"), 3);
    const auto text = co_await made;
    CHECK(text == "x3");
    say(co_await caught_in([] { return stackless::to_thread([] { throw std::runtime_error("there"); }); }));
    const auto waits = [&]() -> co<> {
      co_await stackless::to_thread([&] {
        while (!go) std::this_thread::yield();
      });
    };
    auto t = stackless::spawn(waits());
    co_await turns(2);
    t.cancel();
    say(co_await caught_in([&] { return t; }));
    go = true;
  };
  run_in_real_time(main());
  CHECK(say.take() == "there cancelled_error");
}

// --- In every order ---

TEST_CASE_FIXTURE(fixture, "explore: fibers and coroutines at a mutex, a semaphore, a condition, cancelled anywhere") {
  struct rooms : world {
    mutex m;
    semaphore s{2};
    condition_variable c;
    int inside = 0;
    int ready = 0;
  };
  struct parts {
    static co<> coroutine(rooms& w) {
      const auto permit = co_await stackless::hold(w.s);
      const auto hold = co_await stackless::hold(w.m);
      must(++w.inside == 1, "two are inside");
      struct leave {
        int& inside;
        ~leave() { --inside; }
      } const at_end{w.inside};
      co_await stackless::yield();
    }
    static void function(rooms& w) {
      const std::scoped_lock permit(w.s);
      const std::scoped_lock hold(w.m);
      must(++w.inside == 1, "two are inside");
      struct leave {
        int& inside;
        ~leave() { --inside; }
      } const at_end{w.inside};
      yield();
    }
    static co<> signals(rooms& w) {
      const auto hold = co_await stackless::hold(w.c);
      ++w.ready;
      w.c.notify_all();
    }
    static co<> waits(rooms& w) {
      const auto hold = co_await stackless::hold(w.c);
      co_await stackless::timeout(1s, stackless::wait(w.c, [&w] { return w.ready > 0; }));
    }
    static co<> all(rooms& w) {
      const auto body = [&w](task_group& g) -> co<> {
        g.async(coroutine(w));
        g.async([&w] { function(w); });
        g.async(waits(w));
        g.async(coroutine(w));
        g.async(signals(w));
        co_return;
      };
      try {
        co_await stackless::task_group::run(body);
      } catch (const exception_group& e) {
        for (const auto& one : e.errors()) must(caught(one) == "timeout_error", "another error");
      }
    }
  };
  put_to_test<rooms>(
      {.late_turns = true, .cancel_each = true}, [](rooms& w) { stackless::spawn(parts::all(w)).await(); },
      [](rooms& w) {
        must(w.inside == 0 && w.s.permits() == 2, "a permit is lost");
        must(w.m.try_lock(), "the mutex is not free");
        w.m.unlock();
        must(!w.c.locked(), "the condition is not free");
      });
}

TEST_CASE_FIXTURE(fixture,
                  "explore: a queue between fibers and coroutines, with thieves, cancelled anywhere: no item is lost or comes twice") {
  struct line : world {
    queue<int> q{2};
    std::vector<int> put;
    std::vector<int> got;
  };
  struct parts {
    static co<> produce(line& w, int from) {
      for (int i = from; i < from + 3; ++i) {
        co_await stackless::put(w.q, i);
        w.put.push_back(i);
      }
    }
    static co<> consume(line& w) {
      for (;;) {
        const int item = co_await stackless::get(w.q);
        w.got.push_back(item);
      }
    }
    static void consume_in_fiber(line& w) {
      for (;;) w.got.push_back(w.q.get());
    }
    static void steal(line& w) {
      for (int i = 0; i < 6; ++i) {
        if (!w.q.empty()) w.got.push_back(w.q.get_nowait());
        yield();
      }
    }
    static co<> all(line& w) {
      const auto body = [&w](task_group& g) -> co<> {
        std::vector<task<>> consumers{g.async(consume(w)), g.async([&w] { consume_in_fiber(w); }), g.async(consume(w))};
        std::vector<task<>> producers{g.async(produce(w, 0)), g.async([&w] { nakh::await(produce(w, 10)); }), g.async([&w] { steal(w); })};
        co_await stackless::wait(producers);
        while (!w.q.empty()) co_await stackless::yield();
        for (const auto& c : consumers) c.cancel();
      };
      co_await stackless::task_group::run(body);
    }
  };
  const auto check = [](line& w) {
    while (!w.q.empty()) w.got.push_back(w.q.get_nowait());
    must(w.got.size() == w.put.size(), "an item is lost or there twice");
    must(std::set(w.got.begin(), w.got.end()) == std::set(w.put.begin(), w.put.end()), "other items");
    if (w.ended) must(w.got.size() == 6, "some are missing");
  };
  put_to_test<line>({}, [](line& w) { stackless::spawn(parts::all(w)).await(); }, check);
}

TEST_CASE_FIXTURE(fixture, "explore: a barrier of fibers and coroutines, cancelled anywhere") {
  struct gate : world {
    barrier b{3};
    int passed = 0;
  };
  struct parts {
    static co<> coroutine(gate& w) {
      for (int i = 0; i < 2; ++i) {
        co_await stackless::wait(w.b);
        ++w.passed;
      }
    }
    static void function(gate& w) {
      for (int i = 0; i < 2; ++i) {
        w.b.wait();
        ++w.passed;
      }
    }
    static co<> all(gate& w) {
      const auto body = [&w](task_group& g) -> co<> {
        g.async(coroutine(w));
        g.async([&w] { function(w); });
        g.async(coroutine(w));
        co_return;
      };
      co_await stackless::task_group::run(body);
    }
  };
  put_to_test<gate>(
      {}, [](gate& w) { stackless::spawn(parts::all(w)).await(); },
      [](gate& w) {
        must(w.b.waiting() == 0 && !w.b.broken(), "somebody is still counted");
        if (w.ended) must(w.passed == 6, "somebody did not pass");
      });
}

TEST_CASE_FIXTURE(fixture, "explore: as_completed, wait_for and shield, cancelled anywhere") {
  struct jobs : world {
    int got = 0;
  };
  struct parts {
    static co<int> job(int n) {
      co_await stackless::sleep(std::chrono::milliseconds(n));
      co_return n;
    }
    static co<> all(jobs& w) {
      std::vector<task<int>> tasks;
      for (int i = 1; i <= 3; ++i) tasks.push_back(stackless::spawn(job(i)));
      std::exception_ptr error;
      try {
        auto completed = stackless::as_completed(tasks);
        while (auto t = co_await stackless::next(completed)) w.got += t->result();
        w.got += co_await stackless::wait_for(job(2), 5s);
        tasks.push_back(stackless::spawn(job(1)));
        w.got += co_await stackless::shield(tasks.back());
      } catch (...) {
        error = std::current_exception();
      }
      for (const auto& t : tasks) t.cancel();
      if (error) std::rethrow_exception(error);
    }
  };
  put_to_test<jobs>(
      {}, [](jobs& w) { nakh::await(stackless::spawn(parts::all(w))); },
      [](jobs& w) {
        if (w.ended) must(w.got == 9, "a result is missing");
      });
  put_to_test<jobs>({}, [](jobs& w) { nakh::await(parts::all(w)); }, [](jobs&) {});
}
