// SPDX-License-Identifier: BSL-1.0
#include <nakh/generator.hpp>

#include "support/allocations.hpp"
#include "support/captured_stderr.hpp"
#include "support/fixture.hpp"

#include <nakh/event.hpp>
#include <nakh/gather.hpp>
#include <nakh/inspect.hpp>
#include <nakh/timeout.hpp>

#include <algorithm>
#include <functional>
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

generator<int> counter(int n) {
  return {[n](auto& yield) {
    for (int i = 0; i < n; ++i) yield(i);
  }};
}

/// Says how it ends; its cleanup takes `pause`.
template <class Yield>
void count_and_tell(trace& says, Yield& yield, delay pause = 0s) {
  try {
    for (int i = 0;; ++i) yield(i);
  } catch (const generator_exit&) {
    says("exit");
    sleep(pause);
    says("clean");
    throw;
  } catch (const cancelled_error&) {
    says("cancelled");
    throw;
  }
}

/// Uses up so many bytes of stack.
[[gnu::noinline]] int use_stack(int kibibytes) {
  volatile char room[1024];
  room[0] = static_cast<char>(kibibytes);
  const int below = kibibytes > 1 ? use_stack(kibibytes - 1) : 0;
  return below + room[0];
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

}  // namespace

// --- The rows ---

TEST_CASE_FIXTURE(
    fixture, "T-agen-01: close runs the cleanup, which may wait, and waits for it; closing again is harmless; nothing comes any more") {
  run([&] {
    generator<int> g([&](auto& yield) { count_and_tell(say, yield, 2s); });
    CHECK(g.next() == 0);
    CHECK(g.next() == 1);
    g.close();
    CHECK(now() == 2000);
    CHECK(say.take() == "exit clean");
    g.close();
    CHECK(g.next() == std::nullopt);
    CHECK(g.next() == std::nullopt);
    for (int i : g) FAIL("an item: " << i);
    CHECK(get_running_loop().stacks().in_use == 1);
  });
}

TEST_CASE_FIXTURE(fixture, "T-agen-01: a body that returns instead of letting the exit through is closed too") {
  run([&] {
    generator<int> g([&](auto& yield) {
      try {
        yield(1);
      } catch (const generator_exit&) {
        say("swallowed");
      }
    });
    CHECK(g.next() == 1);
    g.close();
    CHECK(say.take() == "swallowed");
    CHECK(g.next() == std::nullopt);
  });
}

TEST_CASE_FIXTURE(fixture, "T-agen-02: leaving the loop early does not close it; it can be continued") {
  run([&] {
    generator<int> g([&](auto& yield) { count_and_tell(say, yield); });
    for (int i : g) {
      if (i == 2) break;
    }
    CHECK(say.take().empty());
    CHECK(g.next() == 3);
    for (int i : g) {
      say("item", i);
      if (i == 5) break;
    }
    CHECK(say.take() == "item4 item5");
  });
  CHECK(say.take() == "exit clean");
}

TEST_CASE_FIXTURE(fixture, "T-agen-03: what is sent is what the yield returns; nothing by next; before the first step it is an error") {
  run([&] {
    generator<std::string, int> g([](auto& yield) {
      std::string last = "begin";
      for (;;) {
        const std::optional<int> sent = yield(last);
        last = sent ? "got " + std::to_string(*sent) : "nothing";
      }
    });
    CHECK_THROWS_WITH_AS(
        g.send(1), "nakh: a generator that has not begun is at no yield that could return the value; ask for its first item with next",
        usage_error);
    CHECK(g.next() == "begin");
    CHECK(g.send(7) == "got 7");
    CHECK(g.next() == "nothing");
    CHECK(g.send(8) == "got 8");
    g.close();
    CHECK(g.send(9) == std::nullopt);
  });
}

TEST_CASE_FIXTURE(fixture,
                  "T-agen-04: an error is thrown at the yield; caught, the next item comes; uncaught, it comes out and all is over") {
  run([&] {
    generator<int> g([](auto& yield) {
      try {
        yield(1);
      } catch (const std::runtime_error&) {
        yield(2);
      }
      yield(3);
    });
    CHECK(g.next() == 1);
    CHECK(g.throw_into(std::runtime_error("a")) == 2);
    CHECK(caught([&] { g.throw_into(std::make_exception_ptr(std::runtime_error("b"))); }) == "b");
    CHECK(g.next() == std::nullopt);
    CHECK(g.throw_into(std::runtime_error("late")) == std::nullopt);
    CHECK(caught([&] { g.throw_into(std::exception_ptr()); }) == "invalid_argument");
  });
}

TEST_CASE_FIXTURE(fixture, "T-agen-04: thrown into one that has not begun, the error comes out at once and the body never runs") {
  run([&] {
    generator<int> g([&](auto&) { say("ran"); });
    CHECK(caught([&] { g.throw_into(std::runtime_error("a")); }) == "a");
    CHECK(g.next() == std::nullopt);
    CHECK(say.take().empty());
  });
}

TEST_CASE_FIXTURE(fixture, "T-agen-05: closing what has not begun runs nothing") {
  run([&] {
    const auto lives = std::make_shared<int>(1);
    generator<int> g([&, lives](auto&) { say("ran"); });
    g.close();
    CHECK(lives.use_count() == 1);
    CHECK(g.next() == std::nullopt);
    CHECK(say.take().empty());
  });
}

TEST_CASE_FIXTURE(fixture, "T-agen-05: a body that yields while it is closed is an error, and is suspended there") {
  run([&] {
    generator<int> g([](auto& yield) {
      try {
        yield(1);
      } catch (const generator_exit&) {
        yield(2);
      }
      yield(3);
    });
    CHECK(g.next() == 1);
    CHECK_THROWS_WITH_AS(g.close(),
                         "nakh: the generator yielded an item while it was closed; its body must let generator_exit through, or return",
                         usage_error);
    CHECK(g.next() == 3);
  });
}

TEST_CASE_FIXTURE(fixture, "T-agen-06: what is open when main ends is closed, all at once, and may wait; after the tasks") {
  std::optional<generator<int>> first;
  std::optional<generator<int>> second;
  run([&] {
    for (auto* const g : {&first, &second}) {
      g->emplace([&](auto& yield) { count_and_tell(say, yield, 3s); });
      CHECK((*g)->next() == 0);
    }
    static_cast<void>(async([&] {
      try {
        sleep(1h);
      } catch (const cancelled_error&) {
        sleep(1s);
        say("task");
        throw;
      }
    }));
    yield();
  });
  CHECK(say.take() == "task exit exit clean clean");
  CHECK(now() == 4000);
}

TEST_CASE_FIXTURE(fixture, "T-agen-07: a chain of generators is pulled one item at a time, and ends from its source on") {
  run([&] {
    generator<int> source([&](auto& yield) {
      for (int i = 1; i <= 2; ++i) {
        say("make", i);
        yield(i);
      }
      say("source-ends");
    });
    generator<int> twice([&](auto& yield) {
      for (int i : source) {
        say("double", i);
        yield(2 * i);
      }
      say("double-ends");
    });
    for (int i : twice) say("take", i);
  });
  CHECK(say.take() == "make1 double1 take2 make2 double2 take4 source-ends double-ends");
}

TEST_CASE_FIXTURE(fixture,
                  "T-agen-08: a cancellation while the task waits inside the generator is delivered there, and cleans it up on the way") {
  run([&] {
    generator<int> g([&](auto& yield) {
      try {
        yield(1);
        sleep(1h);
      } catch (const cancelled_error&) {
        say("inside");
        sleep(1s);
        throw;
      }
    });
    auto reader = async([&] {
      for (int i : g) say("item", i);
    });
    yield();
    reader.cancel("enough");
    CHECK(caught([&] { reader.await(); }) == "cancelled_error(enough)");
    CHECK(say.take() == "item1 inside");
    CHECK(now() == 1000);
    CHECK(g.next() == std::nullopt);
  });
}

TEST_CASE_FIXTURE(fixture, "T-agen-08: a cancellation in the task's own code leaves the generator suspended until it is closed") {
  run([&] {
    generator<int> g([&](auto& yield) { count_and_tell(say, yield); });
    auto reader = async([&] {
      for (int i : g) {
        say("item", i);
        sleep(1h);
      }
    });
    yield();
    reader.cancel();
    CHECK(caught([&] { reader.await(); }) == "cancelled_error");
    CHECK(say.take() == "item0");
    CHECK(g.next() == 1);  // another task goes on with it
    g.close();
    CHECK(say.take() == "exit clean");
  });
}

TEST_CASE_FIXTURE(fixture, "T-agen-09: what the body throws comes out where the item was asked for, and all is over") {
  run([&] {
    generator<int> g([](auto& yield) {
      yield(1);
      throw std::runtime_error("broken");
    });
    CHECK(g.next() == 1);
    CHECK(caught([&] { static_cast<void>(g.next()); }) == "broken");
    CHECK(g.next() == std::nullopt);
    CHECK(get_running_loop().stacks().in_use == 1);
  });
}

TEST_CASE_FIXTURE(fixture, "T-agen-10: an error of a cleanup at the end of run goes to the exception handler; so do others' errors") {
  std::optional<generator<int>> g;
  std::optional<generator<int>> other;
  run([&] {
    const auto fail = [](auto& yield) {
      try {
        yield(1);
      } catch (const generator_exit&) {
        throw std::runtime_error("no cleanup");
      }
    };
    g.emplace(fail);
    other.emplace([](auto& yield) {
      try {
        yield(1);
      } catch (const generator_exit&) {
        throw 5;
      }
    });
    CHECK(g->next() == 1);
    CHECK(other->next() == 1);
  });
  REQUIRE(reports.size() == 2);
  CHECK(reports[0].message == "An error occurred during closing of a generator");
  CHECK(reports[0].error == "no cleanup");
  CHECK(reports[0].line != 0);
  CHECK(reports[1].error == "int 5");
  reports.clear();
}

TEST_CASE_FIXTURE(fixture, "T-agen-11: a generator dropped in a task is closed there and then") {
  run([&] {
    {
      generator<int> g([&](auto& yield) { count_and_tell(say, yield, 1s); });
      CHECK(g.next() == 0);
    }
    CHECK(say.take() == "exit clean");
    CHECK(now() == 1000);
  });
}

TEST_CASE_FIXTURE(fixture, "T-agen-11: one dropped outside of a task is closed by a task of the loop") {
  run([&] {
    auto g = std::make_unique<generator<int>>([&](auto& yield) { count_and_tell(say, yield, 1s); });
    CHECK(g->next() == 0);
    get_running_loop().call_soon([&] {
      g.reset();
      say("dropped");
    });
    sleep(5s);
    CHECK(say.take() == "dropped exit clean");
  });
}

TEST_CASE_FIXTURE(loop_fixture, "T-agen-11: one dropped while its loop does not run is closed when it does, or when it is closed") {
  std::optional<generator<int>> g;
  std::optional<generator<int>> left;
  loop.run_until_complete([&] {
    for (auto* const one : {&g, &left}) {
      one->emplace([&](auto& yield) { count_and_tell(say, yield); });
      CHECK((*one)->next() == 0);
    }
  });
  g.reset();
  CHECK(say.take().empty());
  loop.run_until_complete([] { yield(); });
  CHECK(say.take() == "exit clean");
  SUBCASE("dropped before") { left.reset(); }
  SUBCASE("dropped after") {}
  if (!left) loop.run_until_complete([] { yield(); });
  loop.close();
  CHECK(say.take() == "exit clean");
  if (left) CHECK(left->next() == std::nullopt);
}

TEST_CASE_FIXTURE(fixture, "T-agen-11: an error of a dropped generator's cleanup goes to the exception handler") {
  run([&] {
    generator<int> g([](auto& yield) {
      try {
        yield(1);
      } catch (const generator_exit&) {
        throw std::runtime_error("no cleanup");
      }
    });
    CHECK(g.next() == 1);
  });
  const report r = take_report();
  CHECK(r.message == "An error occurred during closing of a generator");
  CHECK(r.error == "no cleanup");
}

TEST_CASE_FIXTURE(loop_fixture, "T-agen-11: one dropped by a loop that drops its callbacks is closed in the end") {
  const auto lives = std::make_shared<int>(1);
  loop.run_until_complete([&] {
    generator<int> g([&, lives](auto& yield) { count_and_tell(say, yield); });
    CHECK(g.next() == 0);
    loop.call_later(1h, [g = std::move(g)] {});
  });
  loop.close();
  CHECK(say.take() == "exit clean");
  CHECK(lives.use_count() == 1);
}

// --- Items ---

TEST_CASE_FIXTURE(fixture, "generator: its body is the task that asks; the next item may be another's") {
  run([&] {
    std::vector<std::string> names;
    generator<int> g([&](auto& yield) {
      for (int i = 0;; ++i) {
        names.push_back(current_task().get_name());
        nakh::yield();
        yield(i);
      }
    });
    const auto ask = [&] { return g.next(); };
    auto a = async({.name = "a"}, ask);
    CHECK(a.await() == 0);
    auto b = async({.name = "b"}, ask);
    CHECK(b.await() == 1);
    CHECK(names == std::vector<std::string>{"a", "b"});
  });
}

TEST_CASE_FIXTURE(fixture, "generator: move-only items, references, and what converts") {
  run([&] {
    generator<std::unique_ptr<int>> pointers([](auto& yield) {
      auto p = std::make_unique<int>(1);
      yield(std::move(p));
      CHECK(p == nullptr);
      yield(std::make_unique<int>(2));
    });
    CHECK(**pointers.next() == 1);
    for (std::unique_ptr<int> p : pointers) CHECK(*p == 2);

    generator<std::string&> words([&](auto& yield) {
      std::string word = "a";
      yield(word);
      say(word);
      yield(word);
      say(word);
    });
    *words.next() += "b";
    for (std::string& w : words) w += "c";
    CHECK(words.next() == nullptr);
    CHECK(say.take() == "ab abc");

    generator<std::string> texts([](auto& yield) {
      const std::string kept = "kept";
      yield(kept);
      yield("literal");
      CHECK(kept == "kept");
    });
    CHECK(texts.next() == "kept");
    for (const auto& t : texts) CHECK(t == "literal");

    generator<const int&> numbers([](auto& yield) { yield(5); });
    CHECK(*numbers.next() == 5);
    generator<int> none;
    CHECK(none.next() == std::nullopt);
    none.close();
    none = counter(2);
    CHECK(none.next() == 0);
    none = counter(1);
    CHECK(none.next() == 0);
  });
}

TEST_CASE_FIXTURE(fixture, "generator: a step allocates nothing") {
  if (!allocations_are_ours()) return;
  run([&] {
    generator<int> g([](auto& yield) {
      for (int i = 0;; ++i) yield(i);
    });
    CHECK(allocations_in([&] {
            for (int i = 0; i < 100; ++i) static_cast<void>(g.next());
          }) == 0);
  });
}

TEST_CASE_FIXTURE(fixture, "generator: generators in generators, as deep as one likes") {
  constexpr int depth = 200;
  run([&] {
    std::function<generator<int>(int)> nest = [&](int levels) -> generator<int> {
      return {[&nest, levels](auto& yield) {
        if (levels == 0) {
          for (int i = 0; i < 3; ++i) {
            sleep(1ms);
            yield(i);
          }
        } else {
          for (int i : nest(levels - 1)) yield(i + 1);
        }
      }};
    };
    generator<int> g = nest(depth);
    CHECK(g.next() == depth);
    CHECK(g.next() == depth + 1);
    CHECK(get_running_loop().stacks().in_use == depth + 2);
    g.close();
    CHECK(get_running_loop().stacks().in_use == 1);
  });
}

TEST_CASE_FIXTURE(fixture, "generator: a task made within it is a task like any other") {
  run([&] {
    generator<int> g([](auto& yield) {
      auto t = async([] {
        sleep(1s);
        return 4;
      });
      yield(t.await());
      yield(gather([] { return 1; }, [] { return 2; }) == std::tuple(1, 2) ? 5 : 0);
    });
    CHECK(g.next() == 4);
    CHECK(g.next() == 5);
  });
}

// --- Exceptions in flight ---

TEST_CASE_FIXTURE(fixture, "generator: each side has its own exceptions being handled") {
  run([&] {
    generator<int> g([](auto& yield) {
      try {
        throw std::runtime_error("inner");
      } catch (const std::runtime_error&) {
        yield(1);
        CHECK(caught([] { throw; }) == "inner");
        yield(2);
      }
    });
    try {
      throw std::runtime_error("outer");
    } catch (const std::runtime_error&) {
      CHECK(g.next() == 1);
      CHECK(caught([] { throw; }) == "outer");
      CHECK(g.next() == 2);
      CHECK(caught([] { throw; }) == "outer");
    }
    CHECK(std::current_exception() == nullptr);
    CHECK(g.next() == std::nullopt);
    CHECK(std::current_exception() == nullptr);
  });
}

TEST_CASE_FIXTURE(fixture, "generator: dropped in unwinding, its cleanup may wait; a cancellation then is kept for later") {
  run([&] {
    int inside = -1;
    auto t = async([&] {
      try {
        generator<int> g([&](auto& yield) {
          try {
            yield(1);
          } catch (const generator_exit&) {
            inside = std::uncaught_exceptions();
            sleep(10s);
            say("clean");
            throw;
          }
        });
        CHECK(g.next() == 1);
        throw std::runtime_error("a");
      } catch (const std::runtime_error&) {
        say("caught");
      }
      CHECK(std::uncaught_exceptions() == 0);
      sleep(1s);
    });
    sleep(1s);
    t.cancel();
    CHECK(caught([&] { t.await(); }) == "cancelled_error");
    CHECK(inside == 1);
    CHECK(say.take() == "clean caught");
    CHECK(now() == 10'000);
  });
}

TEST_CASE_FIXTURE(fixture, "generator: a cancellation that ends a dropped one's cleanup is delivered again") {
  run([&] {
    auto t = async([&] {
      {
        generator<int> g([&](auto& yield) { count_and_tell(say, yield, 10s); });
        CHECK(g.next() == 0);
      }
      say("after");
      sleep(1s);
      say("not-here");
    });
    sleep(1s);
    t.cancel();
    CHECK(caught([&] { t.await(); }) == "cancelled_error");
    CHECK(say.take() == "exit after");
    CHECK(now() == 1000);
  });
}

TEST_CASE_FIXTURE(fixture, "generator: a destructor of the body that yields while it unwinds does not stop that") {
  struct yields_at_end {
    yielder<int>& yield;
    ~yields_at_end() { yield(9); }
  };
  run([&] {
    generator<int> g([&](auto& yield) {
      const yields_at_end last{yield};
      throw std::runtime_error("a");
    });
    CHECK(g.next() == 9);
    CHECK(std::uncaught_exceptions() == 0);
    SUBCASE("closed there") {
      CHECK(caught([&] { g.close(); }) == "a");
    }
    SUBCASE("gone on with") {
      CHECK(caught([&] { static_cast<void>(g.next()); }) == "a");
    }
  });
}

// --- What it must not be used for ---

TEST_CASE_FIXTURE(fixture, "generator: used while it runs, by itself or another task, it is an error") {
  run([&] {
    generator<int> g([&](auto& yield) {
      CHECK_THROWS_WITH_AS(static_cast<void>(g.next()),
                           "nakh: the generator runs already, in another task or further out in this one; wait until it has yielded",
                           usage_error);
      CHECK(caught([&] { g.close(); }) == "usage_error");
      sleep(1s);
      yield(1);
    });
    auto other = async([&] {
      CHECK(caught([&] { static_cast<void>(g.next()); }) == "usage_error");
      CHECK(caught([&] { g.close(); }) == "usage_error");
      CHECK(caught([&] { g.throw_into(std::runtime_error("")); }) == "usage_error");
    });
    CHECK(g.next() == 1);
    CHECK(other.done());
    other.await();
    CHECK(g.next() == std::nullopt);
  });
}

TEST_CASE_FIXTURE(fixture, "generator: outside of a task, in another loop, or a yielder elsewhere: an error") {
  generator<int> outside = counter(2);
  CHECK(caught([&] { static_cast<void>(outside.next()); }) == "usage_error");
  std::optional<generator<int>> g;
  runner first(run_options{.clock = &clock, .loop = {}, .loop_factory = {}});
  watch(first.get_loop());
  first.run([&] {
    g.emplace(counter(3));
    CHECK(g->next() == 0);
    std::string error;
    get_running_loop().call_soon([&] { error = caught([&] { static_cast<void>(g->next()); }); });
    yield();
    yield();
    CHECK(error == "usage_error");

    yielder<int>* stolen = nullptr;
    generator<int> thief([&](auto& yield) {
      stolen = &yield;
      yield(1);
    });
    CHECK(thief.next() == 1);
    CHECK(caught([&] { (*stolen)(2); }) == "usage_error");
  });
  run([&] { CHECK(caught([&] { static_cast<void>(g->next()); }) == "usage_error"); });
  first.run([&] { CHECK(g->next() == 1); });
  first.close();
  run([&] {
    CHECK(g->next() == std::nullopt);
    CHECK(outside.next() == 0);
  });
}

// --- No stack, no memory ---

TEST_CASE_FIXTURE(fixture, "generator: without a stack the first step fails, and may be tried again") {
  run_options options{.clock = &clock, .loop = {}, .loop_factory = {}};
  options.loop.max_stacks = 3;
  runner r(options);
  watch(r.get_loop());
  r.run([&] {
    generator<int> a = counter(2);
    generator<int> b = counter(2);
    generator<int> c = counter(2);
    CHECK(a.next() == 0);
    CHECK(b.next() == 0);
    CHECK(caught([&] { static_cast<void>(c.next()); }) == "stack_exhausted");
    b.close();
    CHECK(c.next() == 0);
    CHECK(get_running_loop().stacks().in_use == 3);
    c.close();
    async([] {}).await();  // leaves a stack idle, which a generator can have as well
    CHECK(b.next() == std::nullopt);
    CHECK(c.next() == std::nullopt);
    b = counter(1);
    CHECK(b.next() == 0);
  });
  // No stack is left for tasks that close: it happens in one.
  std::optional<generator<int>> left[2];
  r.run([&] {
    for (auto& g : left) {
      g.emplace([&](auto& yield) { count_and_tell(say, yield); });
      CHECK(g->next() == 0);
    }
  });
  CHECK_NOTHROW(r.close());
  CHECK(say.take() == "exit clean exit clean");
}

TEST_CASE_FIXTURE(fixture, "generator: its stack's size is an option") {
  run([&] {
    generator<int> g({.stack_size = 1024 * 1024}, [](auto& yield) { yield(use_stack(700)); });
    static_cast<void>(g.next());
    CHECK(caught([] { generator<int> tiny({.stack_size = 1}, [](auto&) {}); }) == "invalid_argument");
  });
}

TEST_CASE_FIXTURE(fixture, "generator: without memory, making one fails, and using and closing one does not") {
  if (!allocations_are_ours()) return;
  run([&] {
    generator<int> g = counter(3);
    CHECK(g.next() == 0);
    std::string made;
    {
      const no_memory here;
      struct large {
        char room[4096] = {};
      };
      try {
        generator<int> other([l = large()](auto& yield) { yield(l.room[0]); });
      } catch (const std::bad_alloc&) {
        made = "not";
      }
      static_cast<void>(g.next());
      g.close();
    }
    CHECK(made == "not");
    CHECK(g.next() == std::nullopt);
  });
}

TEST_CASE_FIXTURE(fixture, "generator: shutdown_generators closes what is open now, without memory for tasks too") {
  run([&] {
    CHECK(caught([&] { event_loop().shutdown_generators(); }) == "usage_error");
    get_running_loop().shutdown_generators();  // nothing
    generator<int> a([&](auto& yield) { count_and_tell(say, yield, 1s); });
    generator<int> b([&](auto& yield) { count_and_tell(say, yield, 1s); });
    CHECK(a.next() == 0);
    CHECK(b.next() == 0);
    get_running_loop().shutdown_generators();
    CHECK(say.take() == "exit exit clean clean");
    CHECK(now() == 1000);
    CHECK(a.next() == std::nullopt);
    generator<int> later = counter(1);
    CHECK(later.next() == 0);
  });
}

TEST_CASE_FIXTURE(fixture, "generator: its handle goes while the loop closes it") {
  run([&] {
    auto g = std::make_unique<generator<int>>([&](auto& yield) { count_and_tell(say, yield, 1s); });
    CHECK(g->next() == 0);
    auto closing = async([] { get_running_loop().shutdown_generators(); });
    give_up_passes(3);
    CHECK(say.take() == "exit");
    g.reset();
    closing.await();
    CHECK(say.take() == "clean");
  });
}

TEST_CASE_FIXTURE(loop_fixture, "generator: a loop that is closed cancels a cleanup that waits") {
  std::optional<generator<int>> g;
  loop.run_until_complete([&] {
    g.emplace([&](auto& yield) {
      try {
        count_and_tell(say, yield, 1h);
      } catch (const cancelled_error&) {
        say("cut-short");
        throw;
      }
    });
    CHECK(g->next() == 0);
  });
  loop.close();
  CHECK(say.take() == "exit cut-short");
  CHECK(now() == 0);
  reports.clear();
}

TEST_CASE_FIXTURE(loop_fixture, "generator: one that yields some times while its loop is closed ends all the same") {
  std::optional<generator<int>> g;
  loop.run_until_complete([&] {
    g.emplace([&](auto& yield) {
      for (int i = 0; i < 5; ++i) {
        try {
          yield(i);
        } catch (const generator_exit&) {
          say("no", i);
        }
      }
    });
    CHECK(g->next() == 0);
  });
  loop.close();
  CHECK(say.take() == "no0 no1 no2 no3 no4");
  CHECK(take_report_error() == "usage_error");
}

// --- Looking at it ---

TEST_CASE_FIXTURE(fixture, "generator: a dump shows the body's stack and the consumer's below it") {
  if (!why_no_stacks().empty()) {
    MESSAGE("skipped: " << why_no_stacks());
    return;
  }
  run([&] {
    event stop;
    generator<int> inner([&](auto& yield) {
      stop.wait();
      yield(1);
    });
    generator<int> outer([&](auto& yield) {
      for (int i : inner) yield(i);
    });
    auto reader = async({.name = "reader"}, [&] {
      static_cast<void>(outer.next());
      asm volatile("");
    });
    yield();
    task_graph graph = call_graph(get_running_loop());
    read_stacks(graph);
    std::string text;
    for (const task_info& t : graph.tasks) {
      if (t.name != "reader") continue;
      for (const stack_entry& e : t.stack) text += e.function + " at " + e.file + "\n";
    }
    INFO(text);
    CHECK(count(text, "run_generator") == 0);
    CHECK(count(text, "generator_test.cpp") >= 3);  // two bodies, and its own
    stop.set();
    reader.await();
  });
}
