// SPDX-License-Identifier: BSL-1.0
#include <nakh/gather.hpp>

#include "support/fixture.hpp"

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

using namespace nakh;
using namespace nakh::test;
using namespace std::chrono_literals;

namespace {

/// A job that sleeps, and says how it ended.
auto job(trace& says, std::string name, delay d) {
  return async([&says, name = std::move(name), d] {
    try {
      sleep(d);
      says(name);
      return name;
    } catch (const cancelled_error&) {
      says(name + "-cancelled");
      throw;
    }
  });
}
auto failing(std::string text, delay d) {
  return async([text = std::move(text), d]() -> std::string {
    sleep(d);
    throw std::runtime_error(text);
  });
}

}  // namespace

TEST_CASE_FIXTURE(fixture, "T-gather-01: no arguments: finished at once, and empty") {
  run([&] {
    get_running_loop().call_soon([&] { say("pass"); });
    const auto g = gather_future();
    CHECK(g.done());
    CHECK(g.result() == std::tuple<>());
    CHECK(gather() == std::tuple<>());
    CHECK(gather(return_exceptions) == std::tuple<>());
    CHECK(gather(std::vector<task<int>>()).empty());
    gather(std::vector<task<>>());
    CHECK(gather(return_exceptions, std::vector<task<int>>()).empty());
    CHECK_FALSE(g.cancel());
    say("no pass so far");
  });
  CHECK(say.take() == "no pass so far pass");
}

TEST_CASE_FIXTURE(fixture, "T-gather-02: results stand in argument order, whichever ends first") {
  run([&] {
    const auto [a, b, c] = gather(job(say, "a", 3s), job(say, "b", 1s), job(say, "c", 2s));
    CHECK(a + b + c == "abc");
    std::vector<task<std::string>> jobs{job(say, "d", 3s), job(say, "e", 1s)};
    CHECK(gather(jobs) == std::vector<std::string>{"d", "e"});
    const std::vector<std::function<int()>> functions{[] { return sleep(2s, 1); }, [] { return sleep(1s, 2); }};
    CHECK(gather(functions) == std::vector{1, 2});
  });
  CHECK(say.take() == "b c a e d");
  CHECK(now() == 8000);
}

TEST_CASE_FIXTURE(fixture, "T-gather-02: kinds of results: void, references, move-only, each type its own") {
  run([&] {
    int value = 1;
    auto [nothing, reference, once, number] =
        gather([] {}, [&]() -> int& { return value; }, [] { return std::make_unique<int>(3); }, [] { return 4.5; });
    static_assert(std::is_same_v<decltype(nothing), std::monostate>);
    reference = 7;
    CHECK(value == 7);
    CHECK(*once == 3);
    CHECK(number == 4.5);
    const auto all = gather(std::vector{async([&]() -> int& { return value; })});
    all[0].get() = 9;
    CHECK(value == 9);
    std::vector<task<std::unique_ptr<int>>> jobs;
    jobs.push_back(async([] { return std::make_unique<int>(5); }));
    CHECK(*gather(std::move(jobs))[0] == 5);
  });
}

TEST_CASE_FIXTURE(fixture, "T-gather-02: its awaiter goes on two passes after the last child has ended") {
  run([&] {
    const future<> f;
    const auto g = gather_future(f);
    auto awaiter = async([&] { g.await(); });
    yield();
    f.set_result();
    CHECK_FALSE(g.done());
    yield();
    CHECK(g.done());
    CHECK_FALSE(awaiter.done());
    yield();
    CHECK(awaiter.done());
  });
}

TEST_CASE_FIXTURE(fixture, "T-gather-03: one task passed several times runs once; its value appears each time") {
  run([&] {
    auto t = job(say, "once", 1s);
    const auto [a, b] = gather(t, t);
    CHECK(a == "once");
    CHECK(b == "once");
    CHECK(gather(std::vector{t, t, t}) == std::vector<std::string>{"once", "once", "once"});
    // The same function twice is two jobs.
    const auto f = [&] {
      say("function");
      return 1;
    };
    gather(f, f);
  });
  CHECK(say.take() == "once function function");
}

TEST_CASE_FIXTURE(fixture, "T-gather-03: a duplicate that fails, or is cancelled") {
  run([&] {
    auto bad = failing("boom", 1s);
    CHECK(caught([&] { gather(bad, bad); }) == "boom");
    const auto results = gather(return_exceptions, std::vector{bad, bad});
    CHECK(caught(results[1].error()) == "boom");
    auto t = job(say, "t", 1h);
    auto g = gather_future(t, t);
    yield();
    CHECK(g.cancel());
    CHECK(caught([&] { g.await(); }) == "cancelled_error");
  });
  CHECK(say.take() == "t-cancelled");
}

TEST_CASE_FIXTURE(fixture, "T-gather-04: finished futures and gathers are arguments like others") {
  run([&] {
    const future<int> ready;
    ready.set_result(1);
    const auto inner = gather_future([] { return 2; }, [] { return 3; });
    const auto [a, b, c] = gather(ready, inner, [] { return 4; });
    CHECK(a == 1);
    CHECK(b == std::tuple{2, 3});
    CHECK(c == 4);
    CHECK(gather(inner, ready) == std::tuple{std::tuple{2, 3}, 1});
  });
}

TEST_CASE_FIXTURE(fixture, "T-gather-04: only finished arguments: finished when it is made") {
  run([&] {
    const future<int> ready;
    ready.set_result(1);
    const auto g = gather_future(ready, ready);
    CHECK(g.done());
    const future<int> failed;
    failed.set_exception(std::runtime_error("boom"));
    const auto bad = gather_future(ready, failed);
    CHECK(bad.done());
    CHECK(caught([&] { bad.await(); }) == "boom");
  });
}

TEST_CASE_FIXTURE(fixture, "T-gather-05: one child fails, the awaiter gets the error at once") {
  run([&] {
    CHECK(caught([&] { gather(job(say, "slow", 3s), failing("boom", 1s)); }) == "boom");
    CHECK(now() == 1000);
  });
  CHECK(say.take() == "slow-cancelled");  // by the end of run
}

TEST_CASE_FIXTURE(fixture, "T-gather-06: the siblings are not cancelled and run to their ends") {
  run([&] {
    auto slow = job(say, "slow", 3s);
    CHECK(caught([&] { gather(slow, failing("boom", 1s), job(say, "slower", 4s)); }) == "boom");
    CHECK(slow.cancelling() == 0);
    sleep(10s);
    CHECK(slow.result() == "slow");
  });
  CHECK(say.take() == "slow slower");
}

TEST_CASE_FIXTURE(fixture, "T-gather-07: a later error is dropped silently") {
  run([&] {
    auto first = failing("first", 1s);
    CHECK(caught([&] { gather(failing("later", 2s), first, failing("same time", 1s + 1ns)); }) == "first");
    sleep(5s);
  });
  CHECK(reports.empty());
}

TEST_CASE_FIXTURE(fixture, "T-gather-08: a finished gather cannot be cancelled, and leaves the siblings alone") {
  run([&] {
    auto slow = job(say, "slow", 3s);
    const auto g = gather_future(slow, failing("boom", 1s));
    CHECK(caught([&] { g.await(); }) == "boom");
    CHECK_FALSE(g.cancel());
    CHECK(slow.cancelling() == 0);
    slow.await();
  });
  CHECK(say.take() == "slow");
}

TEST_CASE_FIXTURE(fixture, "T-gather-09: return_exceptions waits for all and puts errors in their places") {
  run([&] {
    const auto [a, b, c] = gather(return_exceptions, failing("boom", 1s), job(say, "b", 2s), async([] { sleep(3s); }));
    CHECK_FALSE(a.has_value());
    CHECK(caught(a.error()) == "boom");
    CHECK(caught([&a = a] { static_cast<void>(a.value()); }) == "boom");
    CHECK(b.has_value());
    CHECK(b.error() == nullptr);
    CHECK(b.value() == "b");
    CHECK(c.has_value());
    CHECK(now() == 3000);
    const auto all = gather(return_exceptions, std::vector{failing("one", 2s), failing("two", 1s)});
    CHECK(caught(all[0].error()) == "one");
    CHECK(caught(all[1].error()) == "two");
  });
  CHECK(say.take() == "b");
}

TEST_CASE_FIXTURE(fixture, "T-gather-10: with return_exceptions a cancelled child is a cancelled_error in its place") {
  run([&] {
    auto victim = job(say, "victim", 1h);
    const auto g = gather_future(return_exceptions, job(say, "other", 2s), victim);
    yield();
    victim.cancel("why");
    const auto [other, cancelled] = g.await();
    CHECK(other.value() == "other");
    CHECK(caught(cancelled.error()) == "cancelled_error(why)");
    CHECK_FALSE(g.cancelled());
  });
  CHECK(say.take() == "victim-cancelled other");
}

TEST_CASE_FIXTURE(fixture, "T-gather-11: cancelling the awaiter cancels every unfinished child") {
  run([&] {
    auto done_already = job(say, "done", 1s);
    auto a = job(say, "a", 1h);
    auto b = job(say, "b", 1h);
    auto awaiter = async([&] { gather(done_already, a, b); });
    sleep(2s);
    CHECK(awaiter.cancel("why"));
    CHECK(a.cancelling() == 1);
    CHECK(b.cancelling() == 1);
    CHECK(done_already.cancelling() == 0);
    CHECK(caught([&] { awaiter.await(); }) == "cancelled_error(why)");
    CHECK(awaiter.cancelled());
    CHECK(a.cancelled());
    CHECK(b.cancelled());
    CHECK(done_already.result() == "done");
  });
  CHECK(say.take() == "done a-cancelled b-cancelled");
}

TEST_CASE_FIXTURE(fixture, "T-gather-11: cancelling the gather itself does the same; children that never began run nothing") {
  run([&] {
    auto a = job(say, "a", 1h);
    const auto g = gather_future(a, [&] { say("must not run"); });
    CHECK(g.cancel());
    CHECK(caught([&] { g.await(); }) == "cancelled_error");
    CHECK_FALSE(g.cancelled());
    CHECK(a.cancelled());
    CHECK_FALSE(g.cancel());
  });
  CHECK(say.take().empty());
}

TEST_CASE_FIXTURE(fixture, "T-gather-12: a cancelled awaiter goes on as soon as the first child has ended") {
  run([&] {
    const auto slow_cleanup = [&](std::string name, delay d) {
      return async([this, name = std::move(name), d] {
        try {
          sleep(1h);
        } catch (const cancelled_error&) {
          sleep(d);
          say(name);
          throw;
        }
      });
    };
    auto a = slow_cleanup("a", 3s);
    auto b = slow_cleanup("b", 1s);
    auto awaiter = async([&] {
      say(caught([&] { gather(a, b); }));
      say("at", now());
    });
    give_up_passes(2);
    awaiter.cancel();
    awaiter.await();
    sleep(5s);
  });
  CHECK(say.take() == "b cancelled_error at1000 a");
}

TEST_CASE_FIXTURE(fixture, "T-gather-12: a child that swallows the cancellation does not end it; the error of one that fails does") {
  run([&] {
    auto stubborn = async([] { caught([] { sleep(1h); }); });
    auto failing_cleanup = async([] {
      caught([] { sleep(1h); });
      sleep(1s);
      throw std::runtime_error("cleanup failed");
    });
    auto awaiter = async([&] { say(caught([&] { gather(stubborn, failing_cleanup); })); });
    give_up_passes(2);
    awaiter.cancel();
    awaiter.await();
    CHECK(now() == 1000);

    auto a = async([] { caught([] { sleep(1h); }); });
    auto b = async([] { caught([] { sleep(1h); }); });
    awaiter = async([&] { say(caught([&] { gather(a, b); })); });
    give_up_passes(2);
    awaiter.cancel();
    awaiter.await();
  });
  // Even when every child swallows it, a cancelled gather ends with a cancellation.
  CHECK(say.take() == "cleanup failed cancelled_error");
}

TEST_CASE_FIXTURE(fixture, "T-gather-13: with return_exceptions the cancellation is thrown when all children have ended") {
  run([&] {
    auto quick = job(say, "quick", 1h);
    auto slow = async([&] {
      caught([] { sleep(1h); });
      sleep(3s);
      say("slow");
    });
    auto awaiter = async([&] {
      say(caught([&] { gather(return_exceptions, quick, slow); }));
      say("at", now());
    });
    give_up_passes(2);
    awaiter.cancel();
    awaiter.await();
    CHECK_FALSE(awaiter.cancelled());
  });
  CHECK(say.take() == "quick-cancelled slow cancelled_error at3000");
}

TEST_CASE_FIXTURE(fixture, "T-gather-14: a child is cancelled from elsewhere: the gather ends with cancelled_error as its error") {
  run([&] {
    auto victim = job(say, "victim", 1h);
    const auto g = gather_future(job(say, "other", 2s), victim);
    yield();
    victim.cancel("why");
    CHECK(caught([&] { g.await(); }) == "cancelled_error(why)");
    CHECK(g.done());
    CHECK_FALSE(g.cancelled());
    CHECK(caught(g.exception()) == "cancelled_error(why)");
    CHECK(now() == 0);
    sleep(3s);
  });
  CHECK(say.take() == "victim-cancelled other");
}

TEST_CASE_FIXTURE(fixture, "T-gather-15: and the siblings go on, and the awaiter was not cancelled") {
  run([&] {
    auto victim = job(say, "victim", 1h);
    auto other = job(say, "other", 2s);
    auto awaiter = async([&] {
      say(caught([&] { gather(other, victim); }));
      CHECK(current_task().cancelling() == 0);
      CHECK(other.cancelling() == 0);
      other.await();
    });
    yield();
    yield();
    victim.cancel();
    awaiter.await();
    CHECK_FALSE(awaiter.cancelled());
  });
  CHECK(say.take() == "victim-cancelled cancelled_error other");
}

TEST_CASE_FIXTURE(fixture, "T-gather-16: all children are done, the gather has not heard of it: cancel is refused") {
  run([&] {
    const future<int> f;
    bool refused = false;
    const auto g = gather_future([&] { return f.await(); });
    yield();
    f.add_done_callback([&] { refused = !g.cancel(); });
    f.set_result(42);
    CHECK(std::get<0>(g.await()) == 42);
    CHECK(refused);
    CHECK_FALSE(g.cancelled());
  });
}

TEST_CASE_FIXTURE(fixture, "T-gather-16: but its awaiter can be, and then gets cancelled_error") {
  run([&] {
    const future<int> f;
    const auto g = gather_future(f);
    auto awaiter = async([&] { return g.await(); });
    yield();
    f.set_result(42);
    CHECK(awaiter.cancel());
    CHECK(caught([&] { awaiter.await(); }) == "cancelled_error");
    CHECK(std::get<0>(g.result()) == 42);
  });
}

TEST_CASE_FIXTURE(fixture, "T-gather-17: children of different loops") {
  event_loop other(loop_options{.clock = &clock});
  const auto foreign = other.create_future<int>();
  run([&] {
    const future<int> own;
    CHECK(caught([&] { gather(own, foreign); }) == "invalid_argument");
    CHECK(caught([&] { gather(foreign); }) == "usage_error");
    CHECK_FALSE(own.done());
    own.set_result(1);
  });
  foreign.set_result(2);
}

// --- Lifetimes and misuse ---

TEST_CASE_FIXTURE(fixture, "a gather that nobody keeps: children run, errors are dropped, nothing is left") {
  run([&] {
    static_cast<void>(gather_future(job(say, "a", 1s), failing("boom", 2s), job(say, "b", 3s)));
    sleep(5s);
  });
  CHECK(say.take() == "a b");
  // asyncio reports the error of a gather that nobody retrieves, as of any future.
  CHECK(take_report_error() == "boom");
}

TEST_CASE_FIXTURE(loop_fixture, "a gather whose loop closes before it has heard of its children") {
  const auto token = std::make_shared<int>(0);
  {
    const auto plain = loop.create_future<std::shared_ptr<int>>();
    const auto t = loop.create_task([token] { return token; });
    const auto g = gather_future(plain, t);
    loop.stop();
    loop.run_forever();
    plain.set_result(token);
    loop.close();
  }
  CHECK(token.use_count() == 1);
}

TEST_CASE_FIXTURE(loop_fixture, "a gather whose children are done after its loop was closed") {
  const auto token = std::make_shared<int>(0);
  {
    const auto plain = loop.create_future<std::shared_ptr<int>>();
    const auto other = loop.create_future<std::shared_ptr<int>>();
    const auto g = gather_future(plain, other);
    loop.close();
    plain.set_result(token);
    other.set_exception(std::runtime_error("boom"));
    CHECK_FALSE(g.cancelled());
    static_cast<void>(g.cancel());
  }
  CHECK(token.use_count() == 1);
}

TEST_CASE_FIXTURE(fixture, "a gather and its plain futures that nobody holds any more are released") {
  run([&] {
    const auto token = std::make_shared<int>(0);
    {
      const future<> f;
      f.add_done_callback([token] {});
      static_cast<void>(gather_future(f));
    }
    CHECK(token.use_count() == 1);
  });
}

TEST_CASE_FIXTURE(fixture, "results are not kept longer than the gather") {
  run([&] {
    const auto token = std::make_shared<int>(0);
    {
      const auto g = gather_future([token] { return token; }, [token] { return token; });
      const auto [a, b] = g.await();
      CHECK(a == b);
    }
    CHECK(token.use_count() == 1);
    CHECK(caught([&] { gather([token] { return token; }, []() -> int { throw std::runtime_error("boom"); }); }) == "boom");
    give_up_passes(3);
    CHECK(token.use_count() == 1);
  });
}

TEST_CASE_FIXTURE(fixture, "children that throw no std::exception") {
  run([&] {
    CHECK(caught([] { gather([] {}, [] { throw 42; }); }) == "int 42");
    const auto [bad] = gather(return_exceptions, [] { throw 42; });
    CHECK(caught(bad.error()) == "int 42");
  });
}

TEST_CASE("gather outside a loop") {
  CHECK(caught([] { gather([] {}); }) == "usage_error");
  CHECK(caught([] { gather(); }) == "usage_error");
  CHECK(caught([] { gather(std::vector<task<>>()); }) == "usage_error");
}

TEST_CASE_FIXTURE(loop_fixture, "gather in a plain callback: an error, and the jobs' errors and ends are as if it had not been awaited") {
  loop.call_soon([&] { say(caught([&] { gather([&] { say("job"); }); })); });
  loop.run_until_complete([] { give_up_passes(3); });
  CHECK(say.take() == "usage_error job");
}

TEST_CASE_FIXTURE(fixture, "ten thousand children") {
  run([&] {
    std::vector<task<int>> jobs;
    for (int i = 0; i < 10'000; ++i) {
      jobs.push_back(async(task_options{.stack_size = 16 * 1024}, [i] {
        sleep(std::chrono::milliseconds(i % 7));
        return i;
      }));
    }
    const auto all = gather(jobs);
    CHECK(all.size() == 10'000);
    CHECK(all.back() == 9'999);
  });
}

TEST_CASE_FIXTURE(fixture, "a deep nest of gathers can be cancelled") {
  run([&] {
    const future<> bottom;
    std::function<void(int)> nest = [&](int depth) {
      if (depth == 0) {
        bottom.set_result();
        sleep(1h);
      } else {
        gather([&, depth] { nest(depth - 1); });
      }
    };
    auto t = async([&] { nest(5'000); });
    bottom.await();
    CHECK(t.cancel());
    CHECK(caught([&] { t.await(); }) == "cancelled_error");
  });
}
