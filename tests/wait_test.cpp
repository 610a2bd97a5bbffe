// SPDX-License-Identifier: BSL-1.0
#include <nakh/wait.hpp>

#include "support/fixture.hpp"

#include <chrono>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

using namespace nakh;
using namespace nakh::test;
using namespace std::chrono_literals;

namespace {

task<int> after_seconds(int s) {
  return async([s] { return sleep(std::chrono::seconds(s), s); });
}
task<int> fails_after(delay d, std::string text = "boom") {
  return async([d, text = std::move(text)]() -> int {
    sleep(d);
    throw std::runtime_error(text);
  });
}

}  // namespace

// --- wait ---

TEST_CASE_FIXTURE(fixture, "T-wait-01: first_completed returns when one has ended") {
  run([&] {
    std::vector<task<int>> jobs{after_seconds(3), after_seconds(1), after_seconds(2)};
    const auto [done, pending] = wait(jobs, {.return_when = first_completed});
    CHECK(done == std::vector{jobs[1]});
    CHECK(pending == std::vector{jobs[0], jobs[2]});
    CHECK(now() == 1000);
    const auto [rest, none] = wait(pending);
    CHECK(rest.size() == 2);
    CHECK(none.empty());
    CHECK(now() == 3000);
  });
}

TEST_CASE_FIXTURE(fixture, "T-wait-02: when the time is over it returns what is done; no error, and nothing is cancelled") {
  run([&] {
    std::vector<task<int>> jobs{after_seconds(1), after_seconds(5)};
    const auto [done, pending] = wait(jobs, {.timeout = 2s});
    CHECK(now() == 2000);
    CHECK(done == std::vector{jobs[0]});
    CHECK(pending == std::vector{jobs[1]});
    CHECK(jobs[1].cancelling() == 0);
    CHECK(get_running_loop().pending_timers() == 1);  // the job's own
    CHECK(jobs[1].await() == 5);
  });
  CHECK(now() == 5000);
}

TEST_CASE_FIXTURE(fixture, "T-wait-02: a time that is over from the start gives one look") {
  run([&] {
    auto ready = after_seconds(0);
    ready.await();
    std::vector<task<int>> jobs{ready, after_seconds(5)};
    for (const delay d : {delay(0s), delay(-1s), delay(std::chrono::hours::min())}) {
      const auto [done, pending] = wait(jobs, {.timeout = d});
      CHECK(done == std::vector{ready});
      CHECK(pending.size() == 1);
    }
    CHECK(now() == 0);
    CHECK(wait(jobs, {.timeout = std::chrono::hours::max()}).done.size() == 2);
    CHECK(get_running_loop().pending_timers() == 0);
  });
}

TEST_CASE_FIXTURE(fixture, "T-wait-03: first_exception returns at the first failure, or when all are done") {
  run([&] {
    std::vector<task<int>> jobs{after_seconds(1), fails_after(2s), after_seconds(3)};
    const auto [done, pending] = wait(jobs, {.return_when = first_exception});
    CHECK(now() == 2000);
    CHECK(done == std::vector{jobs[0], jobs[1]});
    CHECK(pending == std::vector{jobs[2]});
    CHECK(caught([&] { jobs[1].result(); }) == "boom");

    const auto all = wait(std::vector{after_seconds(1), after_seconds(2)}, {.return_when = first_exception});
    CHECK(all.done.size() == 2);
    CHECK(now() == 4000);
  });
}

TEST_CASE_FIXTURE(fixture, "T-wait-03: a failure that is there already") {
  run([&] {
    auto bad = fails_after(0s);
    give_up_passes(2);
    REQUIRE(bad.done());
    std::vector<task<int>> jobs{after_seconds(5), bad};
    const auto [done, pending] = wait(jobs, {.return_when = first_exception});
    CHECK(now() == 0);
    CHECK(done == std::vector{bad});
    CHECK(pending.size() == 1);
    CHECK(caught(bad.exception()) == "boom");
  });
}

TEST_CASE_FIXTURE(fixture, "T-wait-04: the waiting task is cancelled, the awaited ones are not") {
  run([&] {
    std::vector<task<int>> jobs{after_seconds(3), after_seconds(4)};
    auto waiter = async([&] { wait(jobs, {.timeout = 1h}); });
    sleep(1s);
    CHECK(waiter.cancel());
    CHECK(caught([&] { waiter.await(); }) == "cancelled_error");
    CHECK(waiter.cancelled());
    for (auto& t : jobs) CHECK(t.cancelling() == 0);
    CHECK(get_running_loop().pending_timers() == 2);
    CHECK(jobs[0].await() + jobs[1].await() == 7);
  });
}

TEST_CASE_FIXTURE(fixture, "T-wait-05: nothing to wait for, and a return_when that does not exist") {
  run([&] {
    CHECK(caught([] { wait(std::vector<task<int>>()); }) == "invalid_argument");
    auto t = after_seconds(1);
    CHECK(caught([&] { wait(std::vector{t}, {.return_when = static_cast<return_when>(7)}); }) == "invalid_argument");
    t.await();
  });
}

TEST_CASE_FIXTURE(fixture, "T-wait-06: all that are done at the moment of return are in done") {
  run([&] {
    const future<int> a;
    const future<int> b;
    const future<int> c;
    auto waiter = async([&] { return wait(std::vector{a, b, c}, {.return_when = first_completed}); });
    yield();
    a.set_result(1);  // triggers; the waiter goes on two passes later
    yield();
    b.set_result(2);
    const auto [done, pending] = waiter.await();
    CHECK(done == std::vector{a, b});
    CHECK(pending == std::vector{c});
  });
}

TEST_CASE_FIXTURE(fixture, "T-wait-06: done from the start: it suspends all the same, and returns with them") {
  run([&] {
    const future<int> a;
    a.set_result(1);
    const future<int> b;
    get_running_loop().call_soon([&] {
      say("pass");
      b.set_result(2);
    });
    const auto [done, pending] = wait(std::vector{a, b}, {.return_when = first_completed});
    CHECK(done.size() == 2);
    CHECK(pending.empty());
  });
  CHECK(say.take() == "pass");
}

TEST_CASE_FIXTURE(fixture, "T-wait-07: a task that is listed twice counts once") {
  run([&] {
    auto t = after_seconds(1);
    auto u = after_seconds(2);
    const auto [done, pending] = wait(std::vector{t, u, t, t, u});
    CHECK(done == std::vector{t, u});
    CHECK(pending.empty());
  });
}

TEST_CASE_FIXTURE(fixture, "T-wait-08: a failed task is in done; its error is not thrown, and not retrieved") {
  run([&] {
    {
      const auto [done, pending] = wait(std::vector{fails_after(1s), after_seconds(2)});
      CHECK(done.size() == 2);
    }
    CHECK(take_report_error() == "boom");
  });
}

TEST_CASE_FIXTURE(fixture, "T-wait-09: a cancelled task is no exception for first_exception") {
  run([&] {
    std::vector<task<int>> jobs{after_seconds(1), after_seconds(3)};
    get_running_loop().call_later(500ms, [&] { jobs[0].cancel(); });
    const auto [done, pending] = wait(jobs, {.return_when = first_exception});
    CHECK(done.size() == 2);
    CHECK(now() == 3000);
    CHECK(jobs[0].cancelled());
  });
}

TEST_CASE_FIXTURE(fixture, "wait takes futures, any range, and handles of any kind") {
  run([&] {
    const future<> f;
    get_running_loop().call_later(1s, [&] { f.set_result(); });
    const future<> both[] = {f, f};
    CHECK(wait(both).done.size() == 1);
    auto a = async([] {});
    auto b = async([] { return 1; });
    CHECK(wait(std::vector<any_task>{a, b}).done.size() == 2);
  });
}

TEST_CASE_FIXTURE(fixture, "wait for the current task itself is an error, or at least ends with the time") {
  run([&] {
    std::vector<task<>> own;
    own.push_back(async([&] {
      const auto [done, pending] = wait(own, {.timeout = 1s});
      CHECK(done.empty());
      CHECK(pending.size() == 1);
    }));
    own[0].await();
  });
  CHECK(now() == 1000);
}

TEST_CASE_FIXTURE(fixture, "wait and as_completed refuse futures of another loop") {
  event_loop other(loop_options{.clock = &clock});
  const auto foreign = other.create_future<int>();
  run([&] {
    const future<int> own;
    CHECK(caught([&] { wait(std::vector{own, foreign}, {.timeout = 1s}); }) == "invalid_argument");
    CHECK(caught([&] {
            auto all = as_completed(std::vector{own, foreign}, 1s);
            all.next();
          }) == "invalid_argument");
  });
  foreign.set_result(1);
}

TEST_CASE_FIXTURE(loop_fixture, "wait and as_completed outside a loop and in a plain callback") {
  const auto f = loop.create_future<int>();
  CHECK(caught([&] { wait(std::vector{f}); }) == "usage_error");
  CHECK(caught([&] { static_cast<void>(as_completed(std::vector{f})); }) == "usage_error");
  loop.call_soon([&] {
    say(caught([&] { wait(std::vector{f}, {.timeout = 1s}); }));
    auto all = as_completed(std::vector{f}, 1s);
    say(caught([&] { all.next(); }));
  });
  loop.run_until_complete([] { yield(); });
  CHECK(say.take() == "usage_error usage_error");
  CHECK(loop.pending_timers() == 0);
}

// --- as_completed ---

TEST_CASE_FIXTURE(fixture, "T-asc-01: in the order in which they end") {
  run([&] {
    for (const auto& t : as_completed(std::vector{after_seconds(3), after_seconds(1), after_seconds(2)})) {
      CHECK(t.done());
      say("", t.result());
      CHECK(now() == t.result() * 1000);
    }
  });
  CHECK(say.take() == "1 2 3");
}

TEST_CASE_FIXTURE(fixture, "T-asc-02: an error comes at its turn, and the iteration may go on") {
  run([&] {
    for (const auto& t : as_completed(std::vector{after_seconds(3), fails_after(2s), after_seconds(1)})) {
      say(caught([&] { say("", t.result()); }));
    }
  });
  CHECK(say.take() == "1 nothing boom 3 nothing");
}

TEST_CASE_FIXTURE(fixture, "T-asc-03: the time is over: each of those left throws timeout_error") {
  run([&] {
    auto all = as_completed(std::vector{after_seconds(1), after_seconds(5), after_seconds(6)}, 2s);
    CHECK(all.next()->result() == 1);
    CHECK(caught([&] { all.next(); }) == "timeout_error");
    CHECK(now() == 2000);
    CHECK(caught([&] { all.next(); }) == "timeout_error");
    CHECK_FALSE(all.next().has_value());
    CHECK(now() == 2000);
  });
}

TEST_CASE_FIXTURE(fixture, "T-asc-04: unfinished jobs are not cancelled, and still complete") {
  run([&] {
    std::vector<task<int>> jobs{after_seconds(1), after_seconds(5)};
    auto all = as_completed(jobs, 2s);
    all.next();
    CHECK(caught([&] { all.next(); }) == "timeout_error");
    CHECK(jobs[1].cancelling() == 0);
    CHECK(jobs[1].await() == 5);
  });
  CHECK(now() == 5000);
}

TEST_CASE_FIXTURE(fixture, "T-asc-05: duplicates collapse, empty input gives nothing") {
  run([&] {
    auto t = after_seconds(1);
    for (const auto& each : as_completed(std::vector{t, t, t})) say("", each.result());
    auto none = as_completed(std::vector<task<int>>());
    CHECK_FALSE(none.next().has_value());
    for (const auto& each : none) say("", each.result());
    CHECK_FALSE(as_completed(std::vector<task<int>>(), 1s).next().has_value());
    CHECK(get_running_loop().pending_timers() == 0);
  });
  CHECK(say.take() == "1");
}

TEST_CASE_FIXTURE(fixture, "T-asc-05: the k-th that waits gets the k-th completion") {
  run([&] {
    auto all = as_completed(std::vector{after_seconds(2), after_seconds(1), after_seconds(3)});
    const auto asker = [&](int name) {
      return async([&, name] { say(std::to_string(name) + ":" + std::to_string(all.next()->result())); });
    };
    auto a = asker(1);
    auto b = asker(2);
    auto c = asker(3);
    auto d = async([&] { say(all.next() ? "one more" : "none left"); });
    a.await();
    b.await();
    c.await();
    d.await();
  });
  CHECK(say.take() == "none left 1:1 2:2 3:3");
}

TEST_CASE_FIXTURE(fixture, "T-asc-05: an asker that is cancelled passes its turn on; no completion is lost") {
  run([&] {
    const future<int> f;
    const future<int> g;
    auto all = as_completed(std::vector{f, g});
    auto first = async([&] { say("first", all.next()->result()); });
    auto second = async([&] { say("second", all.next()->result()); });
    yield();
    f.set_result(1);
    yield();  // the first one is woken
    first.cancel();
    CHECK(caught([&] { first.await(); }) == "cancelled_error");
    second.await();
    CHECK(say.take() == "second1");
    CHECK_FALSE(f.cancelled());
    CHECK_FALSE(g.cancelled());
    g.set_result(2);
    yield();
  });
}

TEST_CASE_FIXTURE(fixture, "T-asc-06: the handles are the original ones, done") {
  run([&] {
    std::vector<task<int>> jobs{after_seconds(2), after_seconds(1)};
    std::vector<task<int>> seen;
    for (const auto& t : as_completed(jobs)) {
      CHECK(t.done());
      seen.push_back(t);
    }
    CHECK(seen == std::vector{jobs[1], jobs[0]});
  });
}

TEST_CASE_FIXTURE(fixture, "T-asc-07: the iteration itself throws timeout_error") {
  run([&] {
    CHECK(caught([&] {
            for (const auto& t : as_completed(std::vector{after_seconds(1), after_seconds(5)}, 2s)) say("", t.result());
          }) == "timeout_error");
    CHECK(now() == 2000);
  });
  CHECK(say.take() == "1");
}

TEST_CASE_FIXTURE(fixture, "T-asc-07: absurd timeouts") {
  run([&] {
    auto t = after_seconds(1);
    CHECK(caught([&] {
            auto all = as_completed(std::vector{t}, std::chrono::hours::min());
            all.next();
          }) == "timeout_error");
    CHECK(now() == 0);
    auto all = as_completed(std::vector{t}, std::chrono::hours::max());
    CHECK(all.next()->result() == 1);
    CHECK(get_running_loop().pending_timers() == 0);
  });
}

TEST_CASE_FIXTURE(fixture, "T-asc-08: all done before the time is over: its timer is gone") {
  run([&] {
    auto all = as_completed(std::vector{after_seconds(1), after_seconds(2)}, 1h);
    CHECK(get_running_loop().pending_timers() == 1);  // the jobs have not begun
    all.next();
    CHECK(get_running_loop().pending_timers() == 2);
    all.next();
    CHECK(get_running_loop().pending_timers() == 0);
  });
  CHECK(now() == 2000);
}

TEST_CASE_FIXTURE(fixture, "T-asc-08: and when it is given up") {
  run([&] {
    auto t = after_seconds(1);
    {
      auto all = as_completed(std::vector{t}, 1h);
    }
    CHECK(get_running_loop().pending_timers() == 0);
    t.await();
  });
}

TEST_CASE_FIXTURE(fixture, "T-asc-09: broken off and begun again: no result twice") {
  run([&] {
    auto all = as_completed(std::vector{after_seconds(3), after_seconds(1), after_seconds(2)});
    for (const auto& t : all) {
      say("", t.result());
      break;
    }
    say("again");
    for (const auto& t : all) say("", t.result());
    for (const auto& t : all) say("", t.result());
  });
  CHECK(say.take() == "1 again 2 3");
}

TEST_CASE_FIXTURE(fixture, "as_completed: the iterating task is cancelled, the jobs are not") {
  run([&] {
    std::vector<task<int>> jobs{after_seconds(3), after_seconds(1)};
    auto iterating = async([&] {
      for (const auto& t : as_completed(jobs, 1h)) say("", t.result());
    });
    sleep(2s);
    iterating.cancel();
    CHECK(caught([&] { iterating.await(); }) == "cancelled_error");
    CHECK(jobs[0].cancelling() == 0);
    CHECK(get_running_loop().pending_timers() == 1);
    jobs[0].await();
  });
  CHECK(say.take() == "1");
}

TEST_CASE_FIXTURE(fixture, "as_completed: given up while completions are on their way") {
  run([&] {
    const future<int> f;
    const future<int> g;
    {
      auto all = as_completed(std::vector{f, g}, 0s);
      f.set_result(1);
    }
    g.set_result(2);
    give_up_passes(3);
  });
}

TEST_CASE_FIXTURE(fixture, "as_completed does not retrieve errors by itself") {
  run([&] {
    for (const auto& t : as_completed(std::vector{fails_after(1s)})) CHECK(t.done());
    CHECK(take_report_error() == "boom");
  });
}
