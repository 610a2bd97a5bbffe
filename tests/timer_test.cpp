// SPDX-License-Identifier: BSL-1.0
#include <nakh/time.hpp>

#include "support/fixture.hpp"

#include <nakh/loop.hpp>

#include <algorithm>
#include <chrono>
#include <limits>
#include <memory>
#include <optional>
#include <random>
#include <vector>

using namespace nakh;
using namespace nakh::test;
using namespace std::chrono_literals;

namespace {

void run_one_pass(event_loop& loop) {
  loop.stop();
  loop.run_forever();
}

}  // namespace

TEST_CASE_FIXTURE(loop_fixture, "T-timer-01: timers fire by deadline, in whatever order they were set") {
  loop.call_later(3s, [&] { say("3 at", now()); });
  loop.call_later(1s, [&] { say("1 at", now()); });
  loop.call_later(2s, [&] { say("2 at", now()); });
  loop.call_later(4s, [&] { loop.stop(); });
  loop.run_forever();
  CHECK(say.take() == "1 at1000 2 at2000 3 at3000");
}

TEST_CASE_FIXTURE(loop_fixture, "T-timer-01: a thousand timers in random order, some of them cancelled") {
  std::mt19937 random(20260101);
  std::vector<long long> fired;
  std::vector<timer_handle> timers;
  for (int i = 0; i < 1000; ++i) {
    const std::chrono::milliseconds d(random() % 500);
    timers.push_back(loop.call_later(d, [&] { fired.push_back(now()); }));
  }
  for (std::size_t i = 0; i < timers.size(); i += 3) timers[i].cancel();
  CHECK(loop.pending_timers() == 666);
  loop.call_later(1s, [&] { loop.stop(); });
  loop.run_forever();
  CHECK(fired.size() == 666);
  CHECK(std::is_sorted(fired.begin(), fired.end()));
}

TEST_CASE_FIXTURE(loop_fixture, "T-timer-02: a cancelled timer never fires, also when another timer cancels it just before") {
  std::optional<timer_handle> later;
  std::optional<timer_handle> same_pass;
  loop.call_later(1s, [&] {
    say("cancels");
    later->cancel();
    same_pass->cancel();
  });
  same_pass = loop.call_later(1s, [&] { say("due in the same pass"); });
  later = loop.call_later(1s + 1ns, [&] { say("due just after"); });
  auto never = loop.call_later(500ms, [&] { say("cancelled before"); });
  never.cancel();
  CHECK(never.cancelled());
  loop.call_later(2s, [&] { loop.stop(); });
  loop.run_forever();
  CHECK(say.take() == "cancels");
  CHECK(loop.pending_timers() == 0);
}

TEST_CASE_FIXTURE(loop_fixture, "T-timer-02: cancelling releases the closure with the handle") {
  const auto token = std::make_shared<int>(0);
  {
    auto h = loop.call_later(1h, [token] {});
    CHECK(token.use_count() == 2);
    h.cancel();
    h.cancel();
  }
  CHECK(token.use_count() == 1);
  CHECK(loop.pending_timers() == 0);
}

TEST_CASE_FIXTURE(loop_fixture, "T-timer-03: negative delays fire in the next pass, the older deadline first") {
  clock.advance(1h);
  loop.call_later(-1s, [&] { say("-1"); });
  loop.call_later(-3s, [&] { say("-3"); });
  loop.call_at(time_point(1s), [&] { say("long ago"); });
  loop.call_later(0s, [&] { say("0"); });
  loop.call_later(-2s, [&] { say("-2"); });
  loop.call_soon([&] { say("callback"); });
  run_one_pass(loop);
  CHECK(say.take() == "callback long ago -3 -2 -1 0");
}

TEST_CASE_FIXTURE(loop_fixture, "T-timer-03: a past deadline set within a pass fires in the next one") {
  loop.call_soon([&] {
    say("sets");
    loop.call_later(-1s, [&] { say("fires"); });
  });
  loop.call_soon([&] { say("behind"); });
  run_one_pass(loop);
  CHECK(say.take() == "sets behind");
  run_one_pass(loop);
  CHECK(say.take() == "fires");
}

TEST_CASE_FIXTURE(loop_fixture, "T-timer-04: due timers go behind the callbacks that are queued already") {
  loop.call_later(1s, [&] { say("timer"); });
  loop.call_soon([&] {
    clock.advance(2s);  // as a callback that holds the thread for two seconds
    loop.call_soon([&] { say("queued"); });
  });
  loop.call_soon([&] { say("same pass"); });
  run_one_pass(loop);
  run_one_pass(loop);
  CHECK(say.take() == "same pass queued timer");
}

TEST_CASE_FIXTURE(loop_fixture, "T-timer-04: the same with a task's step") {
  auto t = loop.create_task([&] {
    loop.call_later(1s, [&] { say("timer"); });
    clock.advance(1s);
    yield();
    say("step");
    yield();
    say("step");
  });
  loop.run_until_complete(t);
  CHECK(say.take() == "step timer step");
}

TEST_CASE_FIXTURE(loop_fixture, "T-timer-05: equal deadlines fire in the order in which they were set") {
  std::vector<int> fired;
  for (int i = 0; i < 500; ++i) {
    // Two deadlines, and others between them in the heap.
    loop.call_at(time_point(1s), [&fired, i] { fired.push_back(i); });
    loop.call_at(time_point(2s), [&fired, i] { fired.push_back(1000 + i); });
    loop.call_at(time_point(1s + std::chrono::milliseconds(997 - i)), [] {});
  }
  loop.call_later(3s, [&] { loop.stop(); });
  loop.run_forever();
  REQUIRE(fired.size() == 1000);
  CHECK(fired.front() == 0);
  CHECK(fired.back() == 1499);
  CHECK(std::is_sorted(fired.begin(), fired.end()));
}

TEST_CASE_FIXTURE(loop_fixture, "T-timer-05: few equal deadlines, with one cancelled in between") {
  for (int i = 0; i < 3; ++i) loop.call_at(time_point(1s), [&, i] { say("", i); });
  auto gone = loop.call_at(time_point(1s), [&] { say("gone"); });
  for (int i = 3; i < 6; ++i) loop.call_later(1s, [&, i] { say("", i); });
  gone.cancel();
  loop.call_later(2s, [&] { loop.stop(); });
  loop.run_forever();
  CHECK(say.take() == "0 1 2 3 4 5");
}

TEST_CASE_FIXTURE(loop_fixture, "T-timer-06: when() is the deadline that was asked for") {
  clock.advance(10s);
  auto at = loop.call_at(time_point(12s), [] {});
  auto later = loop.call_later(3s, [] {});
  auto past = loop.call_later(-3s, [] {});
  CHECK(at.when() == time_point(12s));
  CHECK(later.when() == time_point(13s));
  CHECK(past.when() == time_point(7s));
  at.cancel();
  CHECK(at.when() == time_point(12s));
}

TEST_CASE_FIXTURE(fixture, "T-timer-07: a timer of 30 ms and a spinning task, in real time") {
  using real = std::chrono::steady_clock;
  run_in_real_time([&] {
    bool fired = false;
    real::duration after_start{};
    const auto start = real::now();
    get_running_loop().call_later(30ms, [&] {
      fired = true;
      after_start = real::now() - start;
    });
    while (!fired) yield();
    CHECK(after_start >= 30ms - 1ms);
    CHECK(after_start < 1s);  // generous: the machine may be busy
  });
}

TEST_CASE_FIXTURE(loop_fixture, "T-timer-08: cancelled timers do not pile up") {
  for (int round = 0; round < 50; ++round) {
    std::vector<timer_handle> timers;
    for (int i = 0; i < 100; ++i) timers.push_back(loop.call_later(1h, [] {}));
    CHECK(loop.pending_timers() == 100);
    for (auto& t : timers) t.cancel();
    CHECK(loop.pending_timers() == 0);
  }
}

TEST_CASE_FIXTURE(fixture, "T-timer-09: a timer fires no earlier than its delay, in real time") {
  run_in_real_time([&] {
    for (const auto d : {1ns, 1000ns, 250000ns, 2000000ns}) {
      const auto set = nakh::clock::now();
      const future<time_point> fired;
      get_running_loop().call_at(set + d, [&] { fired.set_result(get_running_loop().time()); });
      CHECK(fired.await() - set >= d);
    }
  });
}

TEST_CASE_FIXTURE(fixture, "T-timer-10: sleeps far below the clock's resolution do not spin") {
  run_in_real_time([&] {
    int passes = 0;
    bool over = false;
    auto counter = async([&] {
      while (!over) {
        ++passes;
        yield();
      }
    });
    for (int i = 0; i < 20; ++i) sleep(1ns);
    over = true;
    counter.await();
    CHECK(passes < 100000);
  });
}

// --- Durations that make no sense ---

TEST_CASE_FIXTURE(loop_fixture, "absurd delays saturate: never, or at once and in order") {
  constexpr auto infinity = std::numeric_limits<double>::infinity();
  std::vector<timer_handle> never;
  const auto must_not = [&] { say("must not fire"); };
  never.push_back(loop.call_later(std::chrono::hours::max(), must_not));
  never.push_back(loop.call_later(duration::max(), must_not));
  never.push_back(loop.call_later(std::chrono::duration<double>(1e300), must_not));
  never.push_back(loop.call_later(std::chrono::duration<double>(infinity), must_not));
  never.push_back(loop.call_at(time_point::max(), must_not));
  for (const auto& t : never) CHECK(t.when() == time_point::max());
  clock.advance(1s);
  auto a = loop.call_later(std::chrono::hours::min(), [&] { say("a"); });
  auto b = loop.call_later(std::chrono::duration<double>(-infinity), [&] { say("b"); });
  auto c = loop.call_at(time_point::min(), [&] { say("c"); });
  auto d = loop.call_later(-1h, [&] { say("d"); });
  CHECK(a.when() < time_point(-1h));
  loop.call_later(24h * 365 * 100, [&] {
    say("a century");
    loop.stop();
  });
  loop.run_forever();
  // c's deadline is the oldest; a's and b's are one second later, since they count from now.
  CHECK(say.take() == "c a b d a century");
  for (auto& t : never) t.cancel();
}

TEST_CASE_FIXTURE(loop_fixture, "a delay that is no number") {
  CHECK(caught([&] { loop.call_later(std::chrono::duration<double>(std::numeric_limits<double>::quiet_NaN()), [] {}); }) ==
        "invalid_argument");
  CHECK(loop.pending_timers() == 0);
}

TEST_CASE_FIXTURE(fixture, "an endless timer in real time does not wake the loop at once") {
  run_in_real_time([&] {
    auto endless = get_running_loop().call_later(std::chrono::hours::max(), [&] { say("must not fire"); });
    auto sleeper = async([] { sleep(duration::max()); });
    sleep(5ms);
    endless.cancel();
    sleeper.cancel();
    CHECK(caught([&] { sleeper.await(); }) == "cancelled_error");
  });
  CHECK(say.take().empty());
}

TEST_CASE_FIXTURE(loop_fixture, "at the end of time a timer is due at once") {
  clock.jump_to(time_point::max());
  loop.call_later(1s, [&] { say("timer"); });
  loop.run_until_complete([&] {
    sleep(1h);
    say("slept");
  });
  CHECK(say.take() == "timer slept");
}

TEST_CASE("the conversion to delay saturates and rounds towards zero") {
  using std::chrono::duration;
  CHECK(delay(1s).value() == 1'000'000'000ns);
  CHECK(delay(duration<double>(0.25)).value() == 250'000'000ns);
  CHECK(delay(duration<double>(-0.25)).value() == -250'000'000ns);
  CHECK(delay(duration<float>(1e30f)).value() == nakh::duration::max());
  CHECK(delay(duration<float>(-1e30f)).value() == nakh::duration::min());
  CHECK(delay(std::chrono::hours::max()).value() == nakh::duration::max());
  CHECK(delay(std::chrono::hours::min()).value() == nakh::duration::min());
  CHECK(delay(duration<unsigned long long>(std::numeric_limits<unsigned long long>::max())).value() == nakh::duration::max());
  CHECK(delay(duration<long long, std::pico>(1500)).value() == 1ns);
  CHECK(delay(duration<long long, std::ratio<1, 3>>(1)).value() == 333'333'333ns);
  CHECK(delay(duration<long long, std::ratio<1, 3>>(std::numeric_limits<long long>::max())).value() == nakh::duration::max());
  CHECK(delay(0s).is_due());
  CHECK(delay(-1ns).is_due());
  CHECK_FALSE(delay(1ns).is_due());
  CHECK(after(time_point::max(), 1s) == time_point::max());
  CHECK(after(time_point::min(), -1s) == time_point::min());
  CHECK(after(time_point::min(), nakh::duration::max()) < time_point(0s));
}

TEST_CASE("a virtual clock never moves back") {
  virtual_clock c;
  c.advance(5s);
  c.advance(-3s);
  c.jump_to(time_point(2s));
  CHECK(c.now() == time_point(5s));
  c.advance(std::chrono::hours::max());
  CHECK(c.now() == time_point::max());
}
