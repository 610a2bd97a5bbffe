// SPDX-License-Identifier: BSL-1.0
#include <nakh/sleep.hpp>

#include "support/fixture.hpp"

#include <chrono>
#include <limits>
#include <memory>
#include <string>

using namespace nakh;
using namespace nakh::test;
using namespace std::chrono_literals;

TEST_CASE_FIXTURE(fixture, "T-sleep-01: yield gives up exactly one pass; what was queued before runs first") {
  run([&] {
    auto other = async([&] {
      say("other-1");
      yield();
      say("other-2");
    });
    get_running_loop().call_soon([&] { say("callback"); });
    say("main-1");
    yield();
    say("main-2");
    yield();
    say("main-3");
  });
  CHECK(say.take() == "main-1 other-1 callback main-2 other-2 main-3");
}

TEST_CASE_FIXTURE(fixture, "T-sleep-01: sleep(0) and sleep_until(now) are the same") {
  run([&] {
    const auto one_pass = [&](auto&& suspend) {
      bool callback_ran = false;
      bool next_ran = false;
      event_loop& l = get_running_loop();
      l.call_soon([&] {
        callback_ran = true;
        l.call_soon([&] { next_ran = true; });
      });
      suspend();
      CHECK(callback_ran);
      CHECK_FALSE(next_ran);
      yield();
      CHECK(next_ran);
    };
    one_pass([] { yield(); });
    one_pass([] { sleep(0s); });
    one_pass([] { sleep_until(nakh::clock::now()); });
    one_pass([] { sleep_until(time_point(-1h)); });
    one_pass([] { sleep(-1h); });
  });
  CHECK(now() == 0);
}

TEST_CASE_FIXTURE(fixture, "T-sleep-02: sleep with a value returns it after the time") {
  run([&] {
    CHECK(sleep(1500ms, std::string("value")) == "value");
    CHECK(now() == 1500);
    CHECK(*sleep(1ms, std::make_unique<int>(7)) == 7);
    CHECK(sleep(0s, 3) == 3);
  });
  CHECK(now() == 1501);
}

TEST_CASE_FIXTURE(fixture, "T-sleep-03: a negative time yields once and sets no timer") {
  run([&] {
    auto watcher = async([&] {
      CHECK(get_running_loop().pending_timers() == 0);
      say("between");
    });
    sleep(-5s);
    say("slept");
    sleep(std::chrono::hours::min());
    sleep(std::chrono::duration<double>(-std::numeric_limits<double>::infinity()));
    sleep_until(time_point::min());
  });
  CHECK(say.take() == "between slept");
  CHECK(now() == 0);
}

TEST_CASE_FIXTURE(fixture, "T-sleep-04: the timer of a cancelled sleep goes with it") {
  run([&] {
    auto sleeper = async([&] {
      say(caught([] { sleep(1h); }));
      say("at", now());
    });
    yield();
    CHECK(get_running_loop().pending_timers() == 1);
    CHECK(sleeper.cancel());
    CHECK(get_running_loop().pending_timers() == 0);
    sleeper.await();
  });
  CHECK(say.take() == "cancelled_error at0");
  CHECK(now() == 0);
}

TEST_CASE_FIXTURE(fixture, "T-sleep-04: cancelled in the pass in which the time is over") {
  run([&] {
    auto sleeper = async([&] { say(caught([] { sleep(1s); })); });
    yield();
    // Due in one pass: the cancellation first, then the timer...
    get_running_loop().call_at(time_point(1s - 1ns), [&] {
      clock.jump_to(time_point(1s));
      sleeper.cancel();
    });
    sleeper.await();

    // ... and the timer first, then the cancellation: too late to end the sleep, so it is delivered when the task goes on.
    sleeper = async([&] { say(caught([] { sleep(1s); })); });
    yield();
    get_running_loop().call_later(1s, [&] { sleeper.cancel(); });
    sleeper.await();
  });
  CHECK(say.take() == "cancelled_error cancelled_error");
}

TEST_CASE_FIXTURE(fixture, "T-sleep-05: a time that is no number") {
  run([&] {
    const std::chrono::duration<double> no_number(std::numeric_limits<double>::quiet_NaN());
    CHECK(caught([&] { sleep(no_number); }) == "invalid_argument");
    CHECK(caught([&] { sleep(std::chrono::duration<float>(std::numeric_limits<float>::quiet_NaN()), 1); }) == "invalid_argument");
  });
}

TEST_CASE_FIXTURE(fixture, "sleepers wake by deadline, equal deadlines in the order in which they began") {
  run([&] {
    const auto sleeper = [this](int name, delay d) {
      return async([this, name, d] {
        sleep(d);
        say("", name);
      });
    };
    auto a = sleeper(1, 2s);
    auto b = sleeper(2, 1s);
    auto c = sleeper(3, 2s);
    auto d = sleeper(4, 1s);
    sleep(2s);
    say("main");
    yield();
    yield();
  });
  CHECK(say.take() == "2 4 main 1 3");
}

TEST_CASE_FIXTURE(fixture, "a sleeper goes on one pass after its timer's, as a future's awaiter does") {
  run([&] {
    event_loop& l = get_running_loop();
    l.call_at(time_point(1s), [&] {
      say("timer");
      l.call_soon([&] { say("next pass"); });
    });
    sleep(1s);
    say("sleeper");
  });
  CHECK(say.take() == "timer next pass sleeper");
}

TEST_CASE_FIXTURE(fixture, "sleep_until") {
  run([&] {
    sleep_until(time_point(90min));
    CHECK(now() == 90 * 60 * 1000);
  });
}

TEST_CASE_FIXTURE(fixture, "a day of simulated sleeps takes no time") {
  run([&] {
    for (int i = 0; i < 24 * 60; ++i) sleep(1min);
  });
  CHECK(clock.now() == time_point(24h));
}

TEST_CASE("outside a loop nothing can sleep") {
  CHECK(caught([] { sleep(1s); }) == "usage_error");
  CHECK(caught([] { sleep(0s); }) == "usage_error");
  CHECK(caught([] { sleep(1s, 1); }) == "usage_error");
  CHECK(caught([] { sleep_until(time_point(1s)); }) == "usage_error");
  CHECK(caught([] { yield(); }) == "usage_error");
}

TEST_CASE_FIXTURE(loop_fixture, "in a plain callback nothing can sleep") {
  loop.call_soon([&] {
    say(caught([] { sleep(1s); }));
    say(caught([] { sleep(-1s); }));
    say(caught([] { sleep_until(time_point(1s)); }));
    say(caught([] { yield(); }));
  });
  loop.run_until_complete([] { yield(); });
  CHECK(say.take() == "usage_error usage_error usage_error usage_error");
  CHECK(loop.pending_timers() == 0);
}
