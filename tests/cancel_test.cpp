// SPDX-License-Identifier: BSL-1.0
#include <nakh/task.hpp>

#include "support/fixture.hpp"

#include <nakh/gather.hpp>

#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

using namespace nakh;
using namespace nakh::test;
using namespace std::chrono_literals;

TEST_CASE_FIXTURE(fixture, "T-cancel-01: cancelled before it began: nothing of the body runs") {
  run([&] {
    const auto token = std::make_shared<int>(0);
    auto t = async([&, token] {
      struct cleanup {
        trace& says;
        ~cleanup() { says("cleanup"); }
      } const at_end{say};
      say("body");
    });
    CHECK(t.cancel("early"));
    CHECK_FALSE(t.done());
    CHECK_FALSE(t.cancelled());
    CHECK(caught([&] { t.await(); }) == "cancelled_error(early)");
    CHECK(t.cancelled());
    CHECK(token.use_count() == 1);
    CHECK(current_task().cancelling() == 0);
  });
  CHECK(say.take().empty());
}

TEST_CASE_FIXTURE(fixture, "T-cancel-01: it uses no stack") {
  run([&] {
    auto t = async([] {});
    t.cancel();
    give_up_passes(2);
    CHECK(t.cancelled());
  });
}

TEST_CASE_FIXTURE(fixture, "T-cancel-02: each cancel of an unfinished task counts; of a finished one it is refused") {
  run([&] {
    auto t = async([&] {
      for (int i = 0; i < 3; ++i) say(caught([] { sleep(1h); }));
      return 5;
    });
    yield();
    for (int i = 1; i <= 3; ++i) {
      CHECK(t.cancel());
      CHECK(t.cancelling() == i);
      yield();
    }
    CHECK(t.await() == 5);
    CHECK_FALSE(t.cancel());
    CHECK(t.cancelling() == 3);
    CHECK_FALSE(t.cancelled());
  });
  CHECK(say.take() == "cancelled_error cancelled_error cancelled_error");
}

TEST_CASE_FIXTURE(fixture, "T-cancel-03: result and exception of a cancelled task throw cancelled_error") {
  run([&] {
    auto t = async([] { sleep(1h); });
    yield();
    t.cancel("why");
    CHECK(caught([&] { t.await(); }) == "cancelled_error(why)");
    CHECK(caught([&] { t.result(); }) == "cancelled_error(why)");
    CHECK(caught([&] { static_cast<void>(t.exception()); }) == "cancelled_error(why)");
  });
}

TEST_CASE_FIXTURE(fixture, "T-cancel-04: cancelling an awaiter cancels the task that it awaits, which unwinds first") {
  run([&] {
    auto b = async([&] {
      try {
        sleep(1h);
      } catch (const cancelled_error& e) {
        say("b " + e.reason());
        throw;
      }
    });
    auto a = async([&] {
      try {
        b.await();
      } catch (const cancelled_error& e) {
        say("a " + e.reason());
        CHECK(b.cancelled());
        throw;
      }
    });
    give_up_passes(2);
    CHECK(a.cancel("why"));
    CHECK(a.cancelling() == 1);
    CHECK(b.cancelling() == 1);
    CHECK(caught([&] { a.await(); }) == "cancelled_error(why)");
    CHECK(a.cancelled());
  });
  CHECK(say.take() == "b why a why");
}

TEST_CASE_FIXTURE(fixture, "T-cancel-04: pass for pass: the awaited task unwinds in the next pass, the awaiter in the one after") {
  run([&] {
    auto b = async([&] { caught([] { sleep(1h); }) == "cancelled_error" ? throw cancelled_error() : void(); });
    auto a = async([&] { b.await(); });
    give_up_passes(2);
    a.cancel();
    CHECK_FALSE(b.done());
    yield();
    CHECK(b.done());
    CHECK_FALSE(a.done());
    yield();
    CHECK(a.done());
  });
}

TEST_CASE_FIXTURE(fixture, "T-cancel-05: the awaiter stays suspended until the awaited task's slow cleanup has ended") {
  run([&] {
    auto b = async([&] {
      try {
        sleep(1h);
      } catch (const cancelled_error&) {
        say("b cleans up");
        sleep(10s);
        say("b is clean");
        throw;
      }
    });
    auto a = async([&] {
      say(caught([&] { b.await(); }));
      say("at", now());
    });
    give_up_passes(2);
    a.cancel();
    a.await();
  });
  CHECK(say.take() == "b cleans up b is clean cancelled_error at10000");
}

TEST_CASE_FIXTURE(fixture, "T-cancel-06: the awaiter of a cancelled task was not cancelled itself") {
  run([&] {
    auto b = async([] { sleep(1h); });
    auto a = async([&] {
      say(caught([&] { b.await(); }));
      CHECK(current_task().cancelling() == 0);
      sleep(1s);
      say("goes on");
    });
    give_up_passes(2);
    b.cancel();
    a.await();
    CHECK_FALSE(a.cancelled());
  });
  CHECK(say.take() == "cancelled_error goes on");
}

TEST_CASE_FIXTURE(fixture, "T-cancel-07: a task may swallow its cancellation and end normally; the count stays") {
  run([&] {
    auto t = async([] {
      try {
        sleep(1h);
      } catch (const cancelled_error&) {
      }
      sleep(1s);
      return 5;
    });
    yield();
    t.cancel();
    CHECK(t.await() == 5);
    CHECK_FALSE(t.cancelled());
    CHECK(t.cancelling() == 1);
  });
  CHECK(now() == 1000);
}

TEST_CASE_FIXTURE(fixture, "T-cancel-08: after a swallowed cancellation another one interrupts again") {
  run([&] {
    auto t = async([&] {
      say(caught([] { sleep(1h); }));
      say("at", now());
      say(caught([] { sleep(1h); }));
      say("at", now());
    });
    yield();
    t.cancel("first");
    sleep(1s);
    t.cancel("second");
    t.await();
  });
  CHECK(say.take() == "cancelled_error(first) at0 cancelled_error(second) at1000");
}

TEST_CASE_FIXTURE(fixture, "T-cancel-09: the awaited task swallows the cancellation: the awaiter goes on with its value") {
  run([&] {
    auto b = async([] {
      caught([] { sleep(1h); });
      return 7;
    });
    auto a = async([&] {
      const int value = b.await();
      yield();
      CHECK(current_task().cancelling() == 1);
      return value + 1;
    });
    give_up_passes(2);
    a.cancel();
    CHECK(a.await() == 8);
    CHECK_FALSE(a.cancelled());
    CHECK_FALSE(b.cancelled());
  });
}

TEST_CASE_FIXTURE(fixture, "T-cancel-09: the awaited task fails instead: the awaiter gets that error") {
  run([&] {
    auto b = async([] {
      caught([] { sleep(1h); });
      throw std::runtime_error("boom");
    });
    auto a = async([&] { say(caught([&] { b.await(); })); });
    give_up_passes(2);
    a.cancel();
    a.await();
    CHECK(b.done());
    CHECK_FALSE(b.cancelled());
    CHECK(caught(b.exception()) == "boom");
  });
  CHECK(say.take() == "boom");
}

TEST_CASE_FIXTURE(fixture, "T-cancel-10: a task that cancels itself runs on to its next suspension") {
  run([&] {
    auto t = async([&] {
      CHECK(current_task().cancel("self"));
      say("runs on");
      say(caught([] { sleep(1h); }));
      yield();
      say("delivered once");
    });
    t.await();
    CHECK_FALSE(t.cancelled());
  });
  CHECK(say.take() == "runs on cancelled_error(self) delivered once");
  CHECK(now() == 0);
}

TEST_CASE_FIXTURE(fixture, "T-cancel-10: at yield too, and there one pass later") {
  run([&] {
    auto t = async([&] {
      current_task().cancel();
      get_running_loop().call_soon([&] { say("pass"); });
      say(caught([] { yield(); }));
    });
    t.await();
  });
  CHECK(say.take() == "pass cancelled_error");
}

TEST_CASE_FIXTURE(fixture, "T-cancel-11: a task that cancels itself and returns ends cancelled; its value is lost") {
  run([&] {
    const auto value = std::make_shared<int>(3);
    auto t = async([value] {
      current_task().cancel();
      return value;
    });
    CHECK(caught([&] { t.await(); }) == "cancelled_error");
    CHECK(t.cancelled());
    CHECK(value.use_count() == 1);
  });
}

TEST_CASE_FIXTURE(fixture, "T-cancel-11: one that cancels itself and throws ends with its error") {
  run([&] {
    auto t = async([] {
      current_task().cancel();
      throw std::runtime_error("boom");
    });
    CHECK(caught([&] { t.await(); }) == "boom");
    CHECK_FALSE(t.cancelled());
  });
}

TEST_CASE_FIXTURE(fixture, "T-cancel-12: what does not suspend delivers no cancellation") {
  run([&] {
    const future<int> ready;
    ready.set_result(1);
    auto ended = async([] { return 2; });
    ended.await();
    auto t = async([&] {
      current_task().cancel();
      CHECK(ready.await() == 1);
      CHECK(ended.await() == 2);
      CHECK(std::get<0>(gather(ready)) == 1);
      gather();
      say("not delivered yet");
      say(caught([] { yield(); }));
      yield();
      say("once only");
    });
    t.await();
  });
  CHECK(say.take() == "not delivered yet cancelled_error once only");
}

TEST_CASE_FIXTURE(fixture, "T-cancel-13: uncancel gives one request back, and never goes below 0") {
  run([&] {
    auto t = async([] {
      caught([] { sleep(1h); });
      caught([] { sleep(1h); });
    });
    CHECK(t.uncancel() == 0);
    CHECK(t.cancelling() == 0);
    yield();
    t.cancel();
    yield();
    t.cancel();
    CHECK(t.cancelling() == 2);
    CHECK(t.uncancel() == 1);
    CHECK(t.uncancel() == 0);
    CHECK(t.uncancel() == 0);
    t.await();
  });
}

TEST_CASE_FIXTURE(fixture, "T-cancel-14: two cancels before the task goes on are one cancelled_error") {
  run([&] {
    auto t = async([&] {
      say(caught([] { sleep(1h); }));
      yield();
      say("undisturbed");
      CHECK(current_task().cancelling() == 2);
    });
    yield();
    CHECK(t.cancel());
    CHECK(t.cancel());
    CHECK(t.cancelling() == 2);
    t.await();
  });
  CHECK(say.take() == "cancelled_error undisturbed");
}

TEST_CASE_FIXTURE(fixture, "T-cancel-14: the same while awaiting a future, a task, and when about to begin") {
  run([&] {
    const future<> f;
    auto inner = async([] { sleep(1h); });
    const auto awaits = [&](const future<>& what) {
      return async([this, what] {
        say(caught([&] { what.await(); }));
        give_up_passes(3);
        say("undisturbed");
      });
    };
    auto a = awaits(f);
    auto b = awaits(inner);
    auto never = async([&] { say("must not run"); });
    never.cancel();
    never.cancel();
    give_up_passes(2);
    a.cancel();
    a.cancel();
    b.cancel();
    b.cancel();
    CHECK(inner.cancelling() == 2);
    a.await();
    b.await();
    CHECK(never.cancelling() == 2);
  });
  CHECK(say.take() == "cancelled_error cancelled_error undisturbed undisturbed");
}

TEST_CASE_FIXTURE(fixture, "T-cancel-15: caught and given back: later suspensions are undisturbed") {
  run([&] {
    auto t = async([&] {
      say(caught([] { sleep(1h); }));
      CHECK(current_task().uncancel() == 0);
      sleep(1s);
      yield();
      return 5;
    });
    yield();
    t.cancel();
    CHECK(t.await() == 5);
    CHECK(t.cancelling() == 0);

    auto cancelled = async([] { sleep(1h); });
    yield();
    cancelled.cancel();
    yield();
    CHECK(cancelled.cancelled());
    CHECK(cancelled.uncancel() == 0);
    CHECK(cancelled.cancelled());
    CHECK(caught([&] { cancelled.await(); }) == "cancelled_error");
  });
}

TEST_CASE_FIXTURE(fixture, "T-cancel-16: a request that is taken back before the runnable task goes on is withdrawn") {
  run([&] {
    auto t = async([&] {
      say(caught([] { yield(); }));
      yield();
    });
    yield();
    CHECK(t.cancel());
    CHECK(t.uncancel() == 0);
    t.await();
    CHECK_FALSE(t.cancelled());

    auto not_begun = async([&] { say("begun"); });
    not_begun.cancel();
    not_begun.uncancel();
    not_begun.await();
  });
  CHECK(say.take() == "nothing begun");
}

TEST_CASE_FIXTURE(fixture, "T-cancel-16: with one of two requests left it is delivered; too late when the future is cancelled") {
  run([&] {
    auto twice = async([&] { say(caught([] { yield(); })); });
    yield();
    twice.cancel();
    twice.cancel();
    CHECK(twice.uncancel() == 1);
    twice.await();

    auto too_late = async([&] { say(caught([] { sleep(1h); })); });
    yield();
    too_late.cancel();
    CHECK(too_late.uncancel() == 0);
    too_late.await();
  });
  CHECK(say.take() == "cancelled_error cancelled_error");
}

TEST_CASE_FIXTURE(fixture, "T-cancel-17: the future has its value, the awaiter is cancelled before it goes on: cancelled") {
  run([&] {
    const future<int> f;
    auto first = async([&] { return f.await(); });
    auto second = async([&] { return f.await(); });
    yield();
    f.set_result(3);
    CHECK(first.cancel());
    CHECK(caught([&] { first.await(); }) == "cancelled_error");
    CHECK(second.await() == 3);
    CHECK(f.result() == 3);
  });
}

TEST_CASE_FIXTURE(fixture, "T-cancel-17: and the cancel comes first: the future takes no value any more") {
  run([&] {
    const future<int> f;
    auto t = async([&] { return f.await(); });
    yield();
    t.cancel();
    CHECK(f.cancelled());
    CHECK(caught([&] { f.set_result(3); }) == "invalid_state_error");
    CHECK(caught([&] { t.await(); }) == "cancelled_error");
  });
}

TEST_CASE_FIXTURE(fixture, "T-cancel-18: cancelling one of several awaiters of a plain future cancels all of them") {
  run([&] {
    const future<> f;
    std::vector<task<>> awaiters;
    for (int i = 0; i < 3; ++i) {
      awaiters.push_back(async([&, i] {
        say("", i);
        say(caught([&] { f.await(); }));
        say("requests", current_task().cancelling());
      }));
    }
    yield();
    CHECK(say.take() == "0 1 2");
    awaiters[1].cancel();
    CHECK(f.cancelled());
    gather(awaiters);
  });
  CHECK(say.take() == "cancelled_error requests0 cancelled_error requests1 cancelled_error requests0");
}

TEST_CASE_FIXTURE(fixture, "T-cancel-19: the awaited task has ended, the awaiter is cancelled before it goes on") {
  run([&] {
    auto b = async([] {
      yield();
      return 7;
    });
    auto a = async([&] {
      say(caught([&] { b.await(); }));
      CHECK(current_task().cancelling() == 1);
    });
    give_up_passes(2);
    CHECK(b.done());
    CHECK_FALSE(a.done());
    CHECK(a.cancel());
    CHECK(b.cancelling() == 0);
    a.await();
    CHECK_FALSE(b.cancelled());
    CHECK(b.result() == 7);
  });
  CHECK(say.take() == "cancelled_error");
}

TEST_CASE_FIXTURE(fixture, "T-cancel-20: a request that is pending when the task begins to wait goes down to what it awaits") {
  run([&] {
    auto c = async([&] { say("c " + caught([] { sleep(1h); })); });
    auto b = async([&] { c.await(); });
    give_up_passes(2);
    auto a = async([&] {
      current_task().cancel();
      b.await();  // c swallows the cancellation: so this returns
      say("a goes on");
    });
    yield();
    CHECK(b.cancelling() == 1);
    CHECK(c.cancelling() == 1);
    a.await();
    CHECK_FALSE(b.cancelled());
    CHECK_FALSE(a.cancelled());

    auto inner = async([&] { say("must not run"); });
    current_task().cancel();
    CHECK(caught([&] { inner.await(); }) == "cancelled_error");
    CHECK(inner.cancelled());
    current_task().uncancel();
  });
  CHECK(say.take() == "c cancelled_error a goes on");
}

TEST_CASE_FIXTURE(fixture, "T-cancel-21: the awaited future and the task are cancelled in one pass: one cancelled_error") {
  run([&] {
    const future<> f;
    auto t = async([&] {
      say(caught([&] { f.await(); }));
      yield();
      say("once only");
      throw cancelled_error();
    });
    yield();
    CHECK(f.cancel());
    CHECK(t.cancel());
    CHECK(caught([&] { t.await(); }) == "cancelled_error");
    CHECK(t.cancelled());
  });
  CHECK(say.take() == "cancelled_error once only");
}

TEST_CASE_FIXTURE(fixture, "T-cancel-22: a reason travels with the cancellation") {
  run([&] {
    auto t = async([] { sleep(1h); });
    auto outer = async([&] { t.await(); });
    give_up_passes(2);
    any_task(outer).cancel("enough");
    CHECK(caught([&] { outer.await(); }) == "cancelled_error(enough)");
    CHECK(caught([&] { t.await(); }) == "cancelled_error(enough)");
  });
}

TEST_CASE_FIXTURE(loop_fixture, "T-cancel-23: a fatal error during a cancellation leaves the loop and is stored") {
  auto t = loop.create_task([] {
    try {
      sleep(1h);
    } catch (const cancelled_error&) {
      throw system_exit(9);
    }
  });
  loop.call_soon([&] { loop.call_soon([&] { t.cancel(); }); });
  CHECK(caught([&] { loop.run_until_complete(t); }) == "system_exit(9)");
  CHECK(t.done());
  CHECK_FALSE(t.cancelled());
  CHECK(caught(t.exception()) == "system_exit(9)");
}

TEST_CASE_FIXTURE(fixture, "T-cancel-24: a handler for ordinary errors does not catch a cancellation") {
  static_assert(!std::is_base_of_v<std::exception, cancelled_error>);
  static_assert(!std::is_base_of_v<std::exception, fatal_error>);
  run([&] {
    auto t = async([&] {
      try {
        sleep(1h);
      } catch (const std::exception&) {
        say("must not be caught here");
      }
    });
    yield();
    t.cancel();
    CHECK(caught([&] { t.await(); }) == "cancelled_error");
  });
  CHECK(say.take().empty());
}

TEST_CASE_FIXTURE(fixture, "a task may throw cancelled_error by itself: it ends cancelled, with no request counted") {
  run([&] {
    auto t = async([] { throw cancelled_error(); });
    CHECK(caught([&] { t.await(); }) == "cancelled_error");
    CHECK(t.cancelled());
    CHECK(t.cancelling() == 0);
    CHECK_FALSE(t.cancel());
  });
}

TEST_CASE_FIXTURE(fixture, "a failed task is not cancelled, whatever was requested") {
  run([&] {
    auto t = async([] {
      try {
        sleep(1h);
      } catch (const cancelled_error&) {
        throw std::runtime_error("boom");
      }
    });
    yield();
    t.cancel();
    CHECK(caught([&] { t.await(); }) == "boom");
    CHECK_FALSE(t.cancelled());
  });
}

TEST_CASE_FIXTURE(fixture, "cancelling does nothing at once: the task's code runs in its own turn") {
  run([&] {
    auto t = async([&] { say(caught([] { sleep(1h); })); });
    yield();
    t.cancel();
    say("cancel has returned");
    t.await();
  });
  CHECK(say.take() == "cancel has returned cancelled_error");
}

TEST_CASE_FIXTURE(fixture, "a cleanup that awaits is itself cancelled by a second request, and its awaited task too") {
  run([&] {
    auto helper = async([&] { say("helper " + caught([] { sleep(1h); })); });
    auto t = async([&] {
      try {
        sleep(1h);
      } catch (const cancelled_error& e) {
        say("first " + e.reason());
        say("second " + caught([&] { helper.await(); }));
        throw;
      }
    });
    yield();
    t.cancel("one");
    give_up_passes(2);
    t.cancel("two");
    CHECK(caught([&] { t.await(); }) == "cancelled_error(one)");
    CHECK(t.cancelling() == 2);
  });
  CHECK(say.take() == "first one helper cancelled_error(two) second nothing");
}
