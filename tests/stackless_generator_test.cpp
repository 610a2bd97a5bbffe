// SPDX-License-Identifier: BSL-1.0
#include <nakh/stackless/generator.hpp>

#include "support/coroutines.hpp"
#include "support/fixture.hpp"
#include "support/scenarios.hpp"

#include <nakh/context_var.hpp>
#include <nakh/mutex.hpp>
#include <nakh/stackless.hpp>
#include <nakh/testing.hpp>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace nakh;
using namespace nakh::test;
using namespace std::chrono_literals;

namespace {

template <class T, class Input = void>
using gen = stackless::generator<T, Input>;

gen<int> counter(int n) {
  for (int i = 0; i < n; ++i) co_yield i;
}
gen<int> slow_counter(int n, delay d) {
  for (int i = 0; i < n; ++i) {
    co_await stackless::sleep(d);
    co_yield i;
  }
}
gen<int> failing(int after) {
  for (int i = 0; i < after; ++i) co_yield i;
  throw std::runtime_error("source");
}
/// Says how it ends. A coroutine cannot wait in a handler: its slow cleanup stands behind it.
gen<int> tells(trace& say, counted object, delay cleanup = 0s) {
  const counted local = object;
  std::exception_ptr error;
  try {
    for (int i = 0;; ++i) {
      co_await stackless::yield();
      co_yield i;
    }
  } catch (const generator_exit&) {
    say("exit");
    error = std::current_exception();
  } catch (const cancelled_error&) {
    say("cancelled");
    error = std::current_exception();
  }
  if (!cleanup.is_due()) co_await stackless::sleep(cleanup);
  say("clean");
  std::rethrow_exception(error);
}
/// Yields in its cleanup, so often.
gen<int> stubborn(int times) {
  for (int i = 0; i <= times; ++i) {
    try {
      co_yield i;
    } catch (const generator_exit&) {
    }
  }
}
gen<std::string, int> echo() {
  std::string last = "begin";
  for (;;) {
    const std::optional<int> sent = co_yield last;
    last = sent ? "got " + std::to_string(*sent) : "nothing";
  }
}
gen<int> catches(trace& say) {
  for (int i = 0;; ++i) {
    try {
      co_yield i;
    } catch (const std::runtime_error& e) {
      say(e.what());
    }
  }
}

co<int> sum(gen<int>& g) {
  int all = 0;
  while (auto item = co_await g.next()) all += *item;
  co_return all;
}

}  // namespace

// --- Items ---

TEST_CASE_FIXTURE(fixture, "a coroutine and a fiber ask for items, also by turns; then nothing comes any more") {
  const auto main = [&]() -> co<> {
    auto g = counter(4);
    const int six = co_await sum(g);
    CHECK(six == 6);
    const auto none = co_await g.next();
    CHECK_FALSE(none);
    auto slow = slow_counter(4, 1s);
    const auto zero = co_await slow.next();
    CHECK(zero == 0);
    auto fiber = async([&] { return nakh::await(stackless::next(slow)); });
    const auto one = co_await fiber;
    CHECK(one == 1);
    const auto two = co_await slow.next();
    CHECK(two == 2);
    CHECK(now() == 3000);
    const auto last = co_await stackless::spawn(sum(slow));
    CHECK(last == 3);
    gen<int> empty;
    const auto nothing = co_await empty.next();
    CHECK_FALSE(nothing);
    co_await empty.close();
  };
  run(main());
  run([&] {
    auto g = slow_counter(3, 1s);
    CHECK(nakh::await(sum(g)) == 3);
  });
}

TEST_CASE_FIXTURE(fixture, "items that only move, references, and what is converted") {
  const auto owners = []() -> gen<std::unique_ptr<int>> {
    co_yield std::make_unique<int>(1);
    auto two = std::make_unique<int>(2);
    co_yield std::move(two);
    CHECK(two == nullptr);
  };
  int there = 5;
  const auto references = [&]() -> gen<int&> {
    co_yield there;
    co_yield there;
  };
  const auto constants = [&]() -> gen<const std::string&> {
    co_yield "made here";
    const std::string own = "own";
    co_yield own;
  };
  const auto converted = []() -> gen<std::string> {
    co_yield "literal";
    const std::string own = "kept";
    co_yield own;
    CHECK(own == "kept");
  };
  const auto main = [&]() -> co<> {
    auto o = owners();
    const auto one = co_await o.next();
    const auto two = co_await o.next();
    CHECK(**one + **two == 3);
    const auto end = co_await o.next();
    CHECK_FALSE(end);
    auto r = references();
    int* const first = co_await r.next();
    CHECK(first == &there);
    *first = 6;
    int* const second = co_await r.next();
    CHECK(*second == 6);
    int* const over = co_await r.next();
    CHECK(over == nullptr);
    auto c = constants();
    const std::string* text = co_await c.next();
    CHECK(*text == "made here");
    text = co_await c.next();
    CHECK(*text == "own");
    auto s = converted();
    auto word = co_await s.next();
    CHECK(word == "literal");
    word = co_await s.next();
    CHECK(word == "kept");
    word = co_await s.next();
    CHECK_FALSE(word);
  };
  run(main());
}

TEST_CASE_FIXTURE(fixture, "what is sent is what the yield gives; nothing by next; before the first step it is an error") {
  const auto main = [&]() -> co<> {
    auto g = echo();
    say(co_await caught_in([&] { return g.send(1); }));
    auto word = co_await g.next();
    CHECK(word == "begin");
    word = co_await g.send(7);
    CHECK(word == "got 7");
    word = co_await g.next();
    CHECK(word == "nothing");
    co_await g.close();
    word = co_await g.send(9);
    CHECK_FALSE(word);
  };
  run(main());
  CHECK(say.take() == "usage_error");
}

TEST_CASE_FIXTURE(fixture, "an error of the body comes out once; one that is thrown into it arrives at the yield") {
  const auto main = [&]() -> co<> {
    auto f = failing(1);
    const auto zero = co_await f.next();
    CHECK(zero == 0);
    say(co_await caught_in([&] { return f.next(); }));
    const auto none = co_await f.next();
    CHECK_FALSE(none);
    auto g = catches(say);
    co_await caught_in([&] { return g.next(); });
    const auto one = co_await g.throw_into(std::runtime_error("in"));
    CHECK(one == 1);
    say(co_await caught_in([&] { return g.throw_into(std::logic_error("through")); }));
    const auto over = co_await g.throw_into(std::logic_error("too late"));
    CHECK_FALSE(over);
    auto fresh = catches(say);
    say(co_await caught_in([&] { return fresh.throw_into(std::logic_error("at once")); }));
    const auto ended = co_await fresh.next();
    CHECK_FALSE(ended);
    auto another = catches(say);
    say(co_await caught_in([&] { return another.throw_into(std::exception_ptr()); }));
    const auto begins = co_await another.next();
    CHECK(begins == 0);
  };
  run(main());
  CHECK(say.take() == "source in through at once invalid_argument");
}

// --- Ends ---

TEST_CASE_FIXTURE(fixture, "close runs the cleanup, which may wait, from a coroutine and from a fiber; closing again is harmless") {
  object_count objects;
  const auto main = [&]() -> co<> {
    auto g = tells(say, counted(objects), 2s);
    co_await caught_in([&] { return g.next(); });
    co_await g.close();
    CHECK(now() == 2000);
    co_await g.close();
    const auto none = co_await g.next();
    CHECK_FALSE(none);
    auto unused = tells(say, counted(objects));
    co_await unused.close();
    const auto never = co_await unused.next();
    CHECK_FALSE(never);
  };
  run(main());
  CHECK(say.take() == "exit clean");
  CHECK(objects.alive == 0);
  run([&] {
    auto g = tells(say, counted(objects), 2s);
    CHECK(nakh::await(stackless::next(g)) == 0);
    nakh::await(g.close());
    CHECK(now() == 4000);
    CHECK(objects.alive == 1);  // the parameter, which stays with the handle
  });
  CHECK(objects.alive == 0);
  CHECK(say.take() == "exit clean");
}

TEST_CASE_FIXTURE(fixture,
                  "one that is dropped in a coroutine is closed by a task, in a fiber at once, never begun at once; moved, it goes on") {
  object_count objects;
  const auto main = [&]() -> co<> {
    {
      auto g = tells(say, counted(objects), 2s);
      co_await caught_in([&] { return g.next(); });
    }
    CHECK(say.take().empty());
    co_await stackless::sleep(3s);
    CHECK(say.take() == "exit clean");
    CHECK(objects.alive == 0);
    {
      const auto never = tells(say, counted(objects));
    }
    CHECK(objects.alive == 0);
    auto g = counter(3);
    co_await caught_in([&] { return g.next(); });
    auto moved = std::move(g);
    const auto one = co_await moved.next();
    CHECK(one == 1);
    const auto none = co_await g.next();
    CHECK_FALSE(none);
    moved = counter(1);
    const auto zero = co_await moved.next();
    CHECK(zero == 0);
  };
  run(main());
  run([&] {
    {
      auto g = tells(say, counted(objects), 2s);
      CHECK(nakh::await(stackless::next(g)) == 0);
    }
    CHECK(say.take() == "exit clean");
    CHECK(objects.alive == 0);
  });
}

TEST_CASE_FIXTURE(fixture,
                  "those that are left are closed at the end of run, with their cleanup; and when the loop is closed without one") {
  object_count objects;
  gen<int> left;
  const auto main = [&]() -> co<> {
    left = tells(say, counted(objects), 2s);
    co_await caught_in([&] { return left.next(); });
  };
  run(main());
  CHECK(say.take() == "exit clean");
  CHECK(now() == 2000);
  left = {};
  CHECK(objects.alive == 0);
  {
    event_loop loop(loop_options{.clock = &clock});
    watch(loop);
    loop.run_until_complete(main());
    loop.close();
    check_nothing_left(loop);
  }
  left = {};
  CHECK(objects.alive == 0);
  // It sleeps in its cleanup, and nobody waits any more.
  CHECK(say.take() == "exit");
}

TEST_CASE_FIXTURE(fixture, "dropped after its loop has gone") {
  object_count objects;
  gen<int> left;
  {
    event_loop loop(loop_options{.clock = &clock});
    watch(loop);
    const auto main = [&]() -> co<> {
      left = tells(say, counted(objects));
      co_await caught_in([&] { return left.next(); });
    };
    loop.run_until_complete(main());
    loop.close();
  }
  CHECK(say.take() == "exit clean");
  const auto other = [&]() -> co<> {
    const auto none = co_await left.next();
    CHECK_FALSE(none);
  };
  run(other());
  left = {};
  CHECK(objects.alive == 0);
}

TEST_CASE_FIXTURE(fixture,
                  "a body that yields while it is closed: an error; dropped, it is closed again and again, and that is reported once") {
  const auto main = [&]() -> co<> {
    auto g = stubborn(2);
    co_await caught_in([&] { return g.next(); });
    say(co_await caught_in([&] { return g.close(); }));
    say(co_await caught_in([&] { return g.close(); }));
    co_await g.close();
    {
      auto dropped = stubborn(5);
      co_await caught_in([&] { return dropped.next(); });
    }
    co_await stackless::sleep(1s);
  };
  run(main());
  CHECK(say.take() == "usage_error usage_error");
  CHECK(take_report().message == "An error occurred during closing of a generator");
}

TEST_CASE_FIXTURE(fixture, "an error of the cleanup: from close it comes out, from a drop it is reported") {
  const auto fails = []() -> gen<int> {
    try {
      co_yield 1;
    } catch (const generator_exit&) {
      throw std::runtime_error("cleanup");
    }
  };
  const auto main = [&]() -> co<> {
    auto g = fails();
    co_await caught_in([&] { return g.next(); });
    say(co_await caught_in([&] { return g.close(); }));
    {
      auto dropped = fails();
      co_await caught_in([&] { return dropped.next(); });
    }
    co_await stackless::sleep(1s);
  };
  run(main());
  CHECK(say.take() == "cleanup");
  CHECK(take_report_error() == "cleanup");
}

// --- Tasks ---

TEST_CASE_FIXTURE(fixture, "it runs as the task that asks: its context, its cancellation") {
  const context_var<int> number("number", 0);
  const auto reads = [&]() -> gen<int> {
    for (;;) {
      co_yield number.get();
      co_await stackless::yield();
    }
  };
  const auto asks = [&](gen<int>& g, int mine) -> co<> {
    number.set(mine);
    const auto item = co_await g.next();
    say("", *item);
  };
  object_count objects;
  const auto is_cancelled = [&](gen<int>& g) -> co<> {
    for (;;) static_cast<void>(co_await g.next());
  };
  const auto main = [&]() -> co<> {
    auto g = reads();
    co_await stackless::spawn(asks(g, 1));
    co_await stackless::spawn(asks(g, 2));
    co_await async([&] {
      number.set(3);
      say("", *nakh::await(stackless::next(g)));
    });
    CHECK(say.take() == "1 2 3");
    auto watched = tells(say, counted(objects));
    auto t = stackless::spawn(is_cancelled(watched));
    co_await stackless::yield();
    co_await stackless::yield();
    t.cancel();
    say(co_await caught_in([&] { return t; }));
    const auto over = co_await watched.next();
    CHECK_FALSE(over);
  };
  run(main());
  CHECK(say.take() == "cancelled clean cancelled_error");
  CHECK(objects.alive == 0);
}

TEST_CASE_FIXTURE(fixture, "used by one task while another is in it, or by its own body, from both sides") {
  gen<int> g;
  const auto asks_itself = [&]() -> gen<int> {
    say(co_await caught_in([&] { return g.next(); }));
    co_yield 1;
  };
  const auto main = [&]() -> co<> {
    g = slow_counter(3, 1s);
    auto first = stackless::spawn(sum(g));
    co_await stackless::yield();
    say(co_await caught_in([&] { return g.next(); }));
    say(co_await caught_in([&] { return g.close(); }));
    say(co_await caught_in([&] { return g.throw_into(std::logic_error("x")); }));
    co_await async([&] { say(caught([&] { nakh::await(stackless::next(g)); })); });
    const int all = co_await first;
    CHECK(all == 3);
    auto fiber = async([&] {
      g = slow_counter(3, 1s);
      return nakh::await(sum(g));
    });
    co_await stackless::sleep(500ms);
    say(co_await caught_in([&] { return g.next(); }));
    co_await fiber;
    g = asks_itself();
    const auto one = co_await g.next();
    CHECK(one == 1);
    co_await g.close();
    g = asks_itself();
    co_await async([&] { CHECK(nakh::await(stackless::next(g)) == 1); });
  };
  run(main());
  CHECK(say.take() == "usage_error usage_error usage_error usage_error usage_error usage_error usage_error");
  g = {};
}

TEST_CASE_FIXTURE(fixture, "it belongs to the loop of its first step; what another one was refused has no effect") {
  event_loop first(loop_options{.clock = &clock});
  watch(first);
  auto g = counter(2);
  const auto step = [&]() -> co<std::optional<int>> { co_return co_await g.next(); };
  CHECK(first.run_until_complete(step()) == 0);
  const auto elsewhere = [&]() -> co<> {
    say(co_await caught_in([&] { return g.next(); }));
    say(co_await caught_in([&] { return g.throw_into(std::runtime_error("must not arrive")); }));
    say(co_await caught_in([&] { return g.close(); }));
  };
  run(elsewhere());
  CHECK(say.take() == "usage_error usage_error usage_error");
  CHECK(first.run_until_complete(step()) == 1);
  CHECK(first.run_until_complete(step()) == std::nullopt);
  first.close();
}

TEST_CASE_FIXTURE(fixture,
                  "generators that use generators, one that is a parameter of a coroutine, and one that is dropped by its consumer's end") {
  object_count objects;
  const auto doubled = [](gen<int> from) -> gen<int> {
    while (auto item = co_await from.next()) co_yield *item * 2;
  };
  const auto takes = [](gen<int> from, int n) -> co<int> {
    int last = 0;
    for (int i = 0; i < n; ++i) {
      const auto item = co_await from.next();
      last = *item;
    }
    co_return last;
  };
  const auto main = [&]() -> co<> {
    auto g = doubled(doubled(slow_counter(4, 1s)));
    const int all = co_await sum(g);
    CHECK(all == 24);
    auto t = stackless::spawn(takes(tells(say, counted(objects), 1s), 3));
    const int two = co_await t;
    CHECK(two == 2);
    co_await stackless::sleep(2s);
    CHECK(objects.alive == 0);
    auto cancelled = stackless::spawn(takes(tells(say, counted(objects)), 1000));
    co_await stackless::sleep(0s);
    co_await stackless::yield();
    cancelled.cancel();
    co_await caught_in([&] { return cancelled; });
    CHECK(objects.alive == 0);
  };
  run(main());
  CHECK(say.take() == "exit clean cancelled clean");
}

TEST_CASE_FIXTURE(fixture, "a timeout around next, and a fatal error of a body") {
  const auto fatal = []() -> gen<int> {
    co_yield 1;
    throw system_exit(3);
  };
  const auto main = [&]() -> co<> {
    auto g = slow_counter(3, 5s);
    say(co_await caught_in([&] { return stackless::timeout(1s, stackless::next(g)); }));
    const auto none = co_await g.next();
    CHECK_FALSE(none);
    auto f = fatal();
    co_await caught_in([&] { return f.next(); });
    say(co_await caught_in([&] { return f.next(); }));
    co_await caught_in([&] { return stackless::yield(); });
  };
  run(main());
  CHECK(say.take() == "timeout_error system_exit(3)");
}

// --- In every order ---

TEST_CASE_FIXTURE(
    fixture, "explore: a coroutine and a fiber that take items by turns, cancelled anywhere: each source ends and gives back what it has") {
  struct locked : world {
    mutex m;
    object_count objects;
    std::vector<int> got;
  };
  struct parts {
    static gen<int> source(locked& w, counted c) {
      const counted local = c;
      const auto hold = co_await stackless::hold(w.m);
      for (int i = 0; i < 4; ++i) {
        if (i % 2 == 0) co_await stackless::sleep(1ms);
        co_yield i;
        co_await stackless::yield();
      }
    }
    static gen<int> through(locked& w) {
      auto from = source(w, counted(w.objects));
      while (auto item = co_await from.next()) co_yield *item;
    }
    static co<> consume(locked& w) {
      auto g = through(w);
      std::exception_ptr error;
      try {
        while (auto item = co_await g.next()) {
          w.got.push_back(*item);
          co_await stackless::yield();
        }
      } catch (...) {
        error = std::current_exception();
      }
      co_await g.close();
      if (error) std::rethrow_exception(error);
    }
    static void consume_in_fiber(locked& w) {
      auto g = through(w);
      while (auto item = nakh::await(stackless::next(g))) {
        w.got.push_back(*item);
        yield();
      }
    }
    static co<> all(locked& w) {
      const auto body = [&w](task_group& g) -> co<> {
        g.async(consume(w));
        g.async([&w] { consume_in_fiber(w); });
        co_return;
      };
      co_await stackless::task_group::run(body);
    }
  };
  put_to_test<locked>(
      {.cancel_each = true}, [](locked& w) { stackless::spawn(parts::all(w)).await(); },
      [](locked& w) {
        must(w.objects.alive == 0, "a source's body has not ended");
        must(w.m.try_lock(), "the mutex is not free");
        w.m.unlock();
        must(w.got.size() <= 8, "an item came twice");
      });
}
