// SPDX-License-Identifier: BSL-1.0
#include <nakh/testing.hpp>

#include "support/fixture.hpp"

#include <nakh/event.hpp>
#include <nakh/gather.hpp>
#include <nakh/lowlevel.hpp>
#include <nakh/mutex.hpp>
#include <nakh/queue.hpp>
#include <nakh/task_group.hpp>
#include <nakh/timeout.hpp>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace nakh;
using namespace nakh::test;
using namespace std::chrono_literals;
using testing::assert_checkpoints;
using testing::assert_no_checkpoints;
using testing::cancel_everywhere;
using testing::cancellation_failed;
using testing::checkpoint_failed;
using testing::exploration_failed;
using testing::explore;
using testing::wait_all_blocked;

namespace {

/// An environment variable with another value for the length of a scope.
class environment {
 public:
  environment(const char* name, const char* value) : name_(name) {
    if (const char* const old = std::getenv(name)) old_ = old;
    if (value != nullptr) {
      ::setenv(name, value, 1);
    } else {
      ::unsetenv(name);
    }
  }
  ~environment() {
    if (old_) {
      ::setenv(name_, old_->c_str(), 1);
    } else {
      ::unsetenv(name_);
    }
  }
  environment(const environment&) = delete;
  environment& operator=(const environment&) = delete;

 private:
  const char* name_;
  std::optional<std::string> old_;
};

/// No seeds from outside, so that a replay of another test leaves these alone.
class kit_fixture : public fixture {
  environment seed_{"NAKH_SEED", nullptr};
  environment seeds_{"NAKH_SEEDS", nullptr};
};

template <class Failure, class F>
Failure failure_of(F&& f) {
  try {
    std::forward<F>(f)();
  } catch (const Failure& e) {
    return e;
  }
  FAIL("nothing was found");
  throw std::logic_error("not reached");
}

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

}  // namespace

// --- wait_all_blocked ---

TEST_CASE_FIXTURE(fixture, "wait_all_blocked: goes on when every other task is blocked, before time does") {
  run([&] {
    event go;
    auto busy = async([&] {
      give_up_passes(5);
      say("waits");
      go.wait();
      say("sleeps");
      sleep(1s);
      say("awake");
    });
    say("first");
    wait_all_blocked();
    say("all-blocked");
    go.set();
    wait_all_blocked();
    say("again");
    CHECK(now() == 0);
    busy.await();
    CHECK(now() == 1000);
  });
  CHECK(say.take() == "first waits all-blocked sleeps again awake");
}

TEST_CASE_FIXTURE(fixture, "wait_all_blocked: callbacks and what they start count too, timers that are due as well") {
  run([&] {
    event_loop& loop = get_running_loop();
    loop.call_soon([&] {
      say("call");
      loop.call_soon([&] {
        say("call-of-call");
        static_cast<void>(async([&] { say("task"); }));
      });
    });
    loop.call_later(1ms, [&] { say("due"); });
    loop.call_later(2ms, [&] { say("later"); });
    clock.advance(1ms);
    wait_all_blocked();
    say("blocked");
    sleep(5ms);
  });
  CHECK(say.take() == "call due call-of-call task blocked later");
}

TEST_CASE_FIXTURE(fixture, "wait_all_blocked: several wait together, and go on in the order in which they came") {
  run([&] {
    auto a = async([&] {
      wait_all_blocked();
      say("a");
    });
    auto b = async([&] {
      give_up_passes(3);
      wait_all_blocked();
      say("b");
    });
    gather(a, b);
  });
  CHECK(say.take() == "a b");
}

TEST_CASE_FIXTURE(fixture, "wait_all_blocked: a cancellation ends it, before and while all are blocked") {
  run([&] {
    auto t = async([&] { wait_all_blocked(); });
    auto spins = async([&] { give_up_passes(10); });
    yield();
    t.cancel();
    CHECK(caught([&] { t.await(); }) == "cancelled_error");
    CHECK_FALSE(spins.done());
    spins.await();

    auto woken = async([&] { wait_all_blocked(); });
    auto last = async([&] {
      wait_all_blocked();
      woken.cancel();  // woken together with this one, and still to run: it was so when `last` came first
    });
    gather(return_exceptions, woken, last);
    CHECK(current_task().cancelling() == 0);
  });
}

TEST_CASE_FIXTURE(fixture, "wait_all_blocked: in real time too, and a call from another thread is not waited for") {
  run_in_real_time([&] {
    auto sleeps = async([] { sleep(20ms); });
    wait_all_blocked();
    CHECK_FALSE(sleeps.done());
    sleeps.cancel();
    wait_all_blocked();
    CHECK(sleeps.cancelled());
    bool called = false;
    std::thread other([&, loop = &get_running_loop()] { loop->call_soon_threadsafe([&] { called = true; }); });
    other.join();
    wait_all_blocked();
    CHECK(called);
  });
}

TEST_CASE_FIXTURE(fixture, "wait_all_blocked: outside a task it says so") {
  CHECK(caught([] { wait_all_blocked(); }) == "usage_error");
  run([&] {
    std::string error;
    get_running_loop().call_soon([&] { error = caught([] { wait_all_blocked(); }); });
    yield();
    CHECK(error == "usage_error");
  });
}

TEST_CASE_FIXTURE(fixture, "wait_all_blocked: a loop that is closed meanwhile cancels it") {
  event_loop loop(loop_options{.clock = &clock});
  watch(loop);
  auto t = loop.create_task([&] {
    loop.call_soon([&] { loop.stop(); });
    wait_all_blocked();
  });
  loop.run_forever();
  CHECK_FALSE(t.done());
  loop.close();
  CHECK(t.cancelled());
  CHECK(contains(take_report().message, "pending"));
}

// --- Checkpoints ---

TEST_CASE_FIXTURE(fixture, "assert_checkpoints: passes what suspends, and hands on what it returns or throws") {
  run([&] {
    int n = 7;
    assert_checkpoints([] { yield(); });
    CHECK(assert_checkpoints([] { return sleep(1ms, 5); }) == 5);
    CHECK(&assert_checkpoints([&]() -> int& {
      yield();
      return n;
    }) == &n);
    CHECK(*assert_checkpoints([] {
      yield();
      return std::make_unique<int>(3);
    }) == 3);
    assert_checkpoints([] { give_up_passes(10); });
    CHECK(caught([] { assert_checkpoints([] { throw std::runtime_error("own"); }); }) == "own");
    const auto f = get_running_loop().create_future<void>();
    f.set_result();
    CHECK_THROWS_AS(assert_checkpoints([&] { f.await(); }), checkpoint_failed);
    const auto e = failure_of<checkpoint_failed>([] { assert_checkpoints([] {}); });
    CHECK(contains(e.what(), "testing_test.cpp:"));
    CHECK(e.cause() == nullptr);
  });
}

TEST_CASE_FIXTURE(fixture, "assert_checkpoints: a cancellation that comes at the checkpoint passes through") {
  run([&] {
    auto t = async([] { assert_checkpoints([] { sleep(1h); }); });
    yield();
    t.cancel();
    CHECK(caught([&] { t.await(); }) == "cancelled_error");
  });
}

TEST_CASE_FIXTURE(fixture, "assert_no_checkpoints: the opposite") {
  run([&] {
    mutex m;
    assert_no_checkpoints([&] { m.lock(); });
    CHECK(assert_no_checkpoints([&] { return m.try_lock(); }) == false);
    m.unlock();
    CHECK_THROWS_AS(assert_no_checkpoints([] { yield(); }), checkpoint_failed);
    CHECK_THROWS_AS(assert_no_checkpoints([] { return sleep(1ms, 2); }), checkpoint_failed);
    CHECK(caught([] { assert_no_checkpoints([] { throw std::runtime_error("own"); }); }) == "own");
  });
}

TEST_CASE_FIXTURE(fixture, "checkpoints: seen also where other tasks suspend, and when one stands in another") {
  run([&] {
    const auto work = [] {
      for (int i = 0; i < 20; ++i) {
        assert_no_checkpoints([] {});
        assert_checkpoints([] {
          assert_no_checkpoints([] {});
          assert_checkpoints([] { yield(); });
          assert_no_checkpoints([] {});
        });
        CHECK_THROWS_AS(assert_no_checkpoints([] { assert_checkpoints([] { yield(); }); }), checkpoint_failed);
        CHECK_THROWS_AS(assert_checkpoints([] { assert_no_checkpoints([] {}); }), checkpoint_failed);
      }
    };
    gather(work, work, work);
  });
}

TEST_CASE_FIXTURE(fixture, "checkpoints: in real time, where a pass is not the loop's turn") {
  run_in_real_time([&] {
    auto spins = async([] { give_up_passes(10'000); });
    for (int i = 0; i < 100; ++i) {
      assert_checkpoints([] { yield(); });
      assert_no_checkpoints([] {});
    }
    spins.await();
  });
}

TEST_CASE_FIXTURE(fixture, "checkpoints: outside a task they say so") {
  CHECK(caught([] { assert_checkpoints([] {}); }) == "usage_error");
  CHECK(caught([] { assert_no_checkpoints([] {}); }) == "usage_error");
}

// --- explore: the orders ---

TEST_CASE_FIXTURE(kit_fixture, "explore: every order of three tasks is met, and each seed has its own") {
  std::set<std::string> orders;
  const auto done = explore({.seeds = 100, .hold_back = false}, [&] {
    trace order;
    gather([&] { order("a"); }, [&] { order("b"); }, [&] { order("c"); });
    orders.insert(order.take());
  });
  CHECK(orders.size() == 6);
  CHECK(done.runs == 100);
  CHECK(done.steps > 400);
}

namespace {

/// Something with tasks, callbacks, hooks and timers, whose course says which order there was.
std::string course(std::uint64_t seed, bool hold_back = true, bool late_turns = false) {
  trace order;
  explore({.only_seed = seed, .hold_back = hold_back, .late_turns = late_turns}, [&] {
    CHECK(testing::current_seed() == seed);
    event_loop& loop = get_running_loop();
    queue<int> q(1);
    for (int i = 0; i < 3; ++i) loop.call_later(i * 1ms, [&order, i] { order("timer", i); });
    gather(
        [&] {
          for (int i = 0; i < 4; ++i) q.put(i);
        },
        [&] {
          for (int i = 0; i < 4; ++i) order("got", q.get());
        },
        [&] {
          sleep(1ms);
          order("slept");
          give_up_passes(3);
          order("yielded");
        },
        [&] {
          for (int i = 0; i < 3; ++i) loop.call_soon([&order, i] { order("call", i); });
          order("called");
        });
    sleep(5ms);
  });
  return order.take();
}

}  // namespace

TEST_CASE_FIXTURE(kit_fixture, "explore: the same seed gives the same run, another one another") {
  std::set<std::string> courses;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    const std::string first = course(seed, true, seed % 2 == 0);
    CHECK(course(seed, true, seed % 2 == 0) == first);
    courses.insert(first);
  }
  CHECK(courses.size() > 25);
  CHECK(testing::current_seed() == 0);
}

TEST_CASE_FIXTURE(kit_fixture, "explore: callbacks keep their order, and so do timers and what primitives promise") {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    CAPTURE(seed);
    std::string text = course(seed);
    std::vector<std::size_t> places;
    for (const char* word : {"timer0", "timer1", "timer2"}) places.push_back(text.find(word));
    CHECK(std::is_sorted(places.begin(), places.end()));
    places.clear();
    for (const char* word : {"call0", "call1", "call2"}) places.push_back(text.find(word));
    CHECK(std::is_sorted(places.begin(), places.end()));
    places.clear();
    for (const char* word : {"got0", "got1", "got2", "got3"}) places.push_back(text.find(word));
    CHECK(std::is_sorted(places.begin(), places.end()));
  }
}

TEST_CASE_FIXTURE(kit_fixture, "explore: a ready task may miss passes, unless that is switched off") {
  const auto most_passes_missed = [](bool hold_back) {
    int most = 0;
    explore({.seeds = 100, .hold_back = hold_back}, [&] {
      int passes = 0;
      bool over = false;
      const auto counter = [&](auto& self) -> void {
        ++passes;
        if (!over) get_running_loop().call_soon([&] { self(self); });
      };
      get_running_loop().call_soon([&] { counter(counter); });
      for (int i = 0; i < 10; ++i) {
        const int before = passes;
        yield();
        most = std::max(most, passes - before);
      }
      over = true;
      give_up_passes(2);
    });
    return most;
  };
  CHECK(most_passes_missed(false) <= 2);  // before the callback in one pass, behind it in the next
  CHECK(most_passes_missed(true) > 5);
}

TEST_CASE_FIXTURE(kit_fixture, "explore: late turns let a timer overtake a task that is ready") {
  const auto timeouts = [](bool late_turns) {
    int count = 0;
    explore({.seeds = 200, .late_turns = late_turns}, [&] {
      try {
        timeout(1s, [] { give_up_passes(5); });
      } catch (const timeout_error&) {
        ++count;
      }
    });
    return count;
  };
  CHECK(timeouts(false) == 0);
  CHECK(timeouts(true) > 5);
}

TEST_CASE_FIXTURE(kit_fixture, "explore: the seeds that were asked for, by options or by the environment") {
  std::vector<std::uint64_t> seeds;
  const auto note = [&] { seeds.push_back(testing::current_seed()); };
  const auto take = [&] { return std::exchange(seeds, {}); };
  CHECK(explore({.seeds = 3, .first_seed = 8}, note).runs == 3);
  CHECK(take() == std::vector<std::uint64_t>{8, 9, 10});
  CHECK(explore({.seeds = 0}, note).runs == 0);
  CHECK(take().empty());
  CHECK(explore({.only_seed = 5}, note).runs == 1);
  CHECK(take() == std::vector<std::uint64_t>{5});
  CHECK(explore({}, note).runs == 200);
  CHECK(take().back() == 200);
  {
    const environment count("NAKH_SEEDS", "4");
    explore({}, note);
    CHECK(take() == std::vector<std::uint64_t>{1, 2, 3, 4});
    explore({.seeds = 2}, note);
    CHECK(take() == std::vector<std::uint64_t>{1, 2});
    const environment one("NAKH_SEED", "77");
    explore({.seeds = 2}, note);
    CHECK(take() == std::vector<std::uint64_t>{77});
    explore({.only_seed = 6}, note);
    CHECK(take() == std::vector<std::uint64_t>{6});
  }
  for (const char* wrong : {"", "x", "12x", "-1", "99999999999999999999"}) {
    const environment one("NAKH_SEED", wrong);
    CHECK(caught([&] { explore({}, note); }) == "invalid_argument");
    const environment none("NAKH_SEED", nullptr);
    const environment count("NAKH_SEEDS", wrong);
    CHECK(caught([&] { explore({}, note); }) == "invalid_argument");
    explore({.seeds = 1}, note);
  }
}

TEST_CASE_FIXTURE(kit_fixture, "explore: time is virtual, and each run's loop is new") {
  const auto begin = std::chrono::steady_clock::now();
  explore({.seeds = 10}, [] {
    const time_point start = nakh::clock::now();
    CHECK(start == time_point{});
    sleep(1000h);
    CHECK(nakh::clock::now() - start == 1000h);
    CHECK(all_tasks().size() == 1);
  });
  CHECK(std::chrono::steady_clock::now() - begin < 1h);
}

namespace {

struct counted_world {
  counted_world() : here(get_running_loop().create_future<int>()) { ++alive; }
  ~counted_world() { --alive; }
  counted_world(const counted_world&) = delete;
  counted_world& operator=(const counted_world&) = delete;
  future<int> here;
  int value = 0;
  static inline int alive = 0;
};

}  // namespace

TEST_CASE_FIXTURE(kit_fixture, "explore: each run has a world of its own, made and looked at in a task of its loop") {
  int checks = 0;
  explore<counted_world>(
      {.seeds = 5},
      [](counted_world& w) {
        CHECK(counted_world::alive == 1);
        static_cast<void>(async([&w] {
          give_up_passes(3);
          w.here.set_result(4);  // after the scenario's own end, but before anything is looked at
        }));
        ++w.value;
      },
      [&](counted_world& w) {
        yield();
        CHECK(w.value == 1);
        CHECK(w.here.result() == 4);
        ++checks;
      });
  CHECK(checks == 5);
  CHECK(counted_world::alive == 0);
}

TEST_CASE_FIXTURE(kit_fixture, "explore and cancel_everywhere: inside a running loop they say so") {
  run([&] {
    CHECK(caught([] { explore({}, [] {}); }) == "usage_error");
    CHECK(caught([] { cancel_everywhere({}, [] {}); }) == "usage_error");
  });
}

// --- explore: what it finds ---

namespace {

template <class Scenario>
exploration_failed found_by_explore(Scenario scenario, testing::explore_options options = {}) {
  return failure_of<exploration_failed>([&] { explore(options, scenario); });
}

}  // namespace

TEST_CASE_FIXTURE(kit_fixture, "explore finds: an exception, which is kept, with the seed") {
  int runs = 0;
  const auto e = found_by_explore(
      [&] {
        if (++runs == 3) throw std::out_of_range("too far");
      },
      {.first_seed = 40});
  CHECK(e.seed() == 42);
  CHECK(runs == 3);
  CHECK(contains(e.what(), "seed 42"));
  CHECK(contains(e.what(), "NAKH_SEED=42"));
  CHECK(contains(e.what(), "too far"));
  CHECK_THROWS_AS(std::rethrow_exception(e.cause()), std::out_of_range);
}

TEST_CASE_FIXTURE(kit_fixture, "explore finds: that the scenario's task was cancelled, or threw what ends a loop") {
  CHECK(contains(found_by_explore([] { throw cancelled_error(); }).what(), "its task was cancelled"));
  CHECK(contains(found_by_explore([] {
                   current_task().cancel();
                   yield();
                 }).what(),
                 "its task was cancelled"));
  const auto e = found_by_explore([] { throw system_exit(3); });
  CHECK(caught(e.cause()) == "system_exit(3)");
  CHECK(caught(found_by_explore([] {
                 auto t = async([] { throw system_exit(4); });
                 sleep(1s);
               }).cause()) == "system_exit(4)");
}

TEST_CASE_FIXTURE(kit_fixture, "explore finds: what was reported to the exception handler") {
  const auto callback = found_by_explore([] {
    get_running_loop().call_soon([] { throw std::runtime_error("in a callback"); });
    yield();
  });
  CHECK(contains(callback.what(), "reported"));
  CHECK(contains(callback.what(), "in a callback"));
  CHECK(caught(callback.cause()) == "in a callback");
  CHECK(caught(found_by_explore([] { static_cast<void>(async([] { throw std::runtime_error("nobody asks"); })); }).cause()) ==
        "nobody asks");
  // Kept until the world goes, which is after the check.
  struct keeps {
    std::optional<task<>> kept;
  };
  const auto late = failure_of<exploration_failed>(
      [] { explore<keeps>({}, [](keeps& w) { w.kept = async([] { throw std::runtime_error("never asked"); }); }, [](keeps&) {}); });
  CHECK(caught(late.cause()) == "never asked");
}

TEST_CASE_FIXTURE(kit_fixture, "explore finds: tasks that are left, and says what they wait for") {
  trace end;
  const auto e = found_by_explore([&] {
    const auto cleanup = std::make_shared<event>();
    static_cast<void>(async([&, cleanup] {
      try {
        cleanup->wait();
      } catch (const cancelled_error&) {
        end("cancelled");
        throw;
      }
    }));
    auto named = async(task_options{.name = "sleeper"}, [] { sleep(1h); });
  });
  CHECK(contains(e.what(), "unfinished when the scenario has ended"));
  CHECK(contains(e.what(), "testing_test.cpp:"));
  CHECK(contains(e.what(), "(event)"));
  CHECK(contains(e.what(), "task 'sleeper' (sleep)"));
  CHECK(e.cause() == nullptr);
  CHECK(end.take() == "cancelled");
}

TEST_CASE_FIXTURE(kit_fixture, "explore finds: tasks that are left, without naming all of hundreds") {
  const auto e = found_by_explore([&] {
    for (int i = 0; i < 100; ++i) static_cast<void>(async([] { sleep(1h); }));
  });
  CHECK(contains(e.what(), "and 92 more"));
}

TEST_CASE_FIXTURE(kit_fixture, "explore finds: timers that are left") {
  const auto one = found_by_explore([] { get_running_loop().call_later(1h, [] {}); });
  CHECK(contains(one.what(), "1 timer is left"));
  const auto two = failure_of<exploration_failed>([] {
    struct nothing {};
    explore<nothing>(
        {}, [](nothing&) {},
        [](nothing&) {
          get_running_loop().call_later(1h, [] {});
          get_running_loop().call_later(2h, [] {});
        });
  });
  CHECK(contains(two.what(), "2 timers are left after the check"));
}

TEST_CASE_FIXTURE(kit_fixture, "explore finds: a deadlock, and says who waits for what") {
  const auto e = found_by_explore([] {
    mutex a;
    mutex b;
    gather(
        [&] {
          const std::scoped_lock first(a);
          yield();
          const std::scoped_lock second(b);
        },
        [&] {
          const std::scoped_lock first(b);
          yield();
          const std::scoped_lock second(a);
        });
  });
  CHECK(contains(e.what(), "every task waits and no timer is set: the scenario's task (future)"));
  CHECK(contains(e.what(), "(mutex)"));
}

TEST_CASE_FIXTURE(kit_fixture, "explore finds: a deadlock of the check, and of the world's end") {
  struct waits_at_end {
    bool waits = false;
    ~waits_at_end() {
      if (!waits) return;
      try {
        event().wait();
      } catch (const cancelled_error&) {
      }
    }
  };
  const auto in_check =
      failure_of<exploration_failed>([] { explore<waits_at_end>({}, [](waits_at_end&) {}, [](waits_at_end&) { event().wait(); }); });
  CHECK(contains(in_check.what(), "every task waits and no timer is set: the check's task (event)"));
  const auto at_end =
      failure_of<exploration_failed>([] { explore<waits_at_end>({}, [](waits_at_end&) {}, [](waits_at_end& w) { w.waits = true; }); });
  CHECK(contains(at_end.what(), "every task waits and no timer is set"));
}

TEST_CASE_FIXTURE(kit_fixture, "explore finds: what never ends, even if it refuses to be cancelled for long") {
  const auto e = found_by_explore(
      [] {
        for (;;) yield();
      },
      {.max_steps = 500});
  CHECK(contains(e.what(), "more steps than max_steps allows; unfinished: the scenario's task (yield)"));
  int refusals = 0;
  const auto stubborn = found_by_explore(
      [&] {
        while (refusals < 50) {
          try {
            for (;;) yield();
          } catch (const cancelled_error&) {
            ++refusals;
          }
        }
      },
      {.max_steps = 500});
  CHECK(contains(stubborn.what(), "max_steps"));
  CHECK(refusals == 50);
  // In callbacks as well.
  const auto calls = found_by_explore(
      [] {
        const auto again = [](auto& self) -> void { get_running_loop().call_soon([self]() mutable { self(self); }); };
        again(again);
        sleep(1h);
      },
      {.max_steps = 500});
  CHECK(contains(calls.what(), "max_steps"));
}

TEST_CASE_FIXTURE(kit_fixture, "explore finds: what the check throws") {
  struct world {
    int inside = 0;
  };
  const auto e = failure_of<exploration_failed>([] {
    explore<world>(
        {}, [](world& w) { w.inside = 2; },
        [](world& w) {
          if (w.inside != 1) throw std::runtime_error("there are " + std::to_string(w.inside));
        });
  });
  CHECK(caught(e.cause()) == "there are 2");
  // It is not asked when the scenario failed.
  bool asked = false;
  failure_of<exploration_failed>([&] { explore<world>({}, [](world&) { throw 1; }, [&](world&) { asked = true; }); });
  CHECK_FALSE(asked);
}

TEST_CASE_FIXTURE(kit_fixture, "explore finds: several things at once, all in one sentence") {
  const auto e = found_by_explore([] {
    static_cast<void>(async([] { sleep(1h); }));
    get_running_loop().call_soon([] { throw std::runtime_error("first"); });
    yield();
    sleep(1ms);
    throw std::runtime_error("second");
  });
  CHECK(contains(e.what(), "first"));
  CHECK(contains(e.what(), "second"));
  CHECK(contains(e.what(), "(sleep)"));
}

TEST_CASE_FIXTURE(kit_fixture, "explore: a world that cannot be made fails the run") {
  struct broken {
    broken() { throw std::runtime_error("no world"); }
  };
  const auto e = failure_of<exploration_failed>([] { explore<broken>({}, [](broken&) {}, [](broken&) {}); });
  CHECK(caught(e.cause()) == "no world");
}

// --- cancel_everywhere ---

TEST_CASE_FIXTURE(kit_fixture, "cancel_everywhere: meets the task at each suspension: early, late, woken, and before it began") {
  std::set<std::string> ends;
  event* meeting = nullptr;
  const auto done = cancel_everywhere({}, [&] {
    event go;
    meeting = &go;
    std::string reached = "sleep";
    struct at_end {
      std::set<std::string>& all;
      const std::string& last;
      ~at_end() { all.insert(last); }
    } const note{ends, reached};
    sleep(1ms);
    reached = "yield";
    yield();
    reached = "event";
    get_running_loop().call_soon([&go, &meeting] {
      if (meeting == &go) go.set();
    });
    go.wait();
    meeting = nullptr;
    reached = "end";
  });
  CHECK(ends == std::set<std::string>{"sleep", "yield", "event", "end"});
  CHECK(done.runs > 10);
}

namespace {

/// The moments of a scenario, as they are named when it bears none.
std::vector<std::string> moments_of(void (*scenario)(), const testing::cancel_options& options = {}) {
  std::vector<std::string> moments;
  testing::cancel_options one = options;
  for (std::uint64_t point = 1;; ++point) {
    one.only_point = point;
    struct world {
      bool was_cancelled = true;
    };
    try {
      cancel_everywhere<world>(
          one,
          [scenario](world& w) {
            scenario();
            w.was_cancelled = false;
          },
          [](world& w) {
            if (w.was_cancelled) throw std::runtime_error("here");
          });
    } catch (const std::invalid_argument&) {
      return moments;
    } catch (const cancellation_failed& e) {
      CHECK(e.point() == point);
      const std::string text = e.what();
      const std::size_t begin = text.find(std::to_string(point) + ", ") + std::to_string(point).size() + 2;
      moments.push_back(text.substr(begin, text.find(": std::") - begin));
    }
  }
}

}  // namespace

TEST_CASE_FIXTURE(kit_fixture, "cancel_everywhere: says what the task was doing") {
  const auto sleeps = moments_of([] { sleep(1ms); });
  // Before its only step, while it waits: with its timer armed, and with it due; woken, at the end of a pass and at the next's begin.
  CHECK(sleeps == std::vector<std::string>{"before it had begun", "while it waited (sleep)", "while it waited (sleep)",
                                           "when it had been woken (sleep) and was about to run",
                                           "when it had been woken (sleep) and was about to run"});
  const auto yields = moments_of([] { yield(); });
  CHECK(yields == std::vector<std::string>{"before it had begun", "while it gave others a turn", "while it gave others a turn"});
}

TEST_CASE_FIXTURE(kit_fixture, "cancel_everywhere finds: an error in the cleanup, with the point and the wait") {
  const auto scenario = [] {
    yield();
    try {
      sleep(1ms);
    } catch (const cancelled_error&) {
      throw std::logic_error("bad cleanup");
    }
  };
  const auto e = failure_of<cancellation_failed>([&] { cancel_everywhere({}, scenario); });
  CHECK(e.wait() == "sleep");
  CHECK(e.point() > 2);
  CHECK(contains(e.what(), "the scenario's task is cancelled at point " + std::to_string(e.point())));
  CHECK(contains(e.what(), "(sleep)"));
  CHECK(caught(e.cause()) == "bad cleanup");
  const auto again = failure_of<cancellation_failed>([&] { cancel_everywhere({.only_point = e.point()}, scenario); });
  CHECK(again.what() == std::string(e.what()));
  CHECK(cancel_everywhere({.only_point = 1}, scenario).runs == 2);
}

TEST_CASE_FIXTURE(kit_fixture, "cancel_everywhere finds: tasks and timers that are left, reports, a deadlock of what goes on") {
  const auto left = failure_of<cancellation_failed>([] {
    cancel_everywhere({}, [] {
      event go;
      auto t = async([&go] { go.wait(); });
      yield();
      go.set();
      t.await();
    });
  });
  CHECK(contains(left.what(), "unfinished when the scenario has ended: the task created at"));
  CHECK(left.wait() == "yield");
  const auto timer = failure_of<cancellation_failed>([] {
    cancel_everywhere({}, [] {
      auto h = get_running_loop().call_later(1h, [] {});
      yield();
      h.cancel();
    });
  });
  CHECK(contains(timer.what(), "timer is left"));
  const auto stuck = failure_of<cancellation_failed>([] {
    cancel_everywhere({}, [] {
      event go;
      auto t = async([&go] {
        yield();
        go.set();
      });
      try {
        t.await();
      } catch (const cancelled_error&) {
      }
      go.wait();
    });
  });
  CHECK(contains(stuck.what(), "every task waits"));
  const auto reported = failure_of<cancellation_failed>([] {
    cancel_everywhere({}, [] {
      auto t = async([] {
        yield();
        throw std::runtime_error("unheard");
      });
      yield();
      CHECK(caught([&] { t.await(); }) == "unheard");
    });
  });
  CHECK(contains(reported.what(), "unheard"));
}

TEST_CASE_FIXTURE(kit_fixture, "cancel_everywhere finds: a scenario that fails by itself, or is never the same") {
  const auto e = failure_of<cancellation_failed>([] { cancel_everywhere({}, [] { throw std::runtime_error("anyway"); }); });
  CHECK(e.point() == 0);
  CHECK(e.wait().empty());
  CHECK(contains(e.what(), "without any cancellation"));
  CHECK(contains(failure_of<cancellation_failed>([] { cancel_everywhere({}, [] { throw cancelled_error(); }); }).what(),
                 "its task was cancelled"));
  int runs = 0;
  const auto other = failure_of<cancellation_failed>([&] {
    cancel_everywhere({}, [&] {
      if (++runs == 1) give_up_passes(10);
    });
  });
  CHECK(contains(other.what(), "does not run twice in the same way"));
}

TEST_CASE_FIXTURE(kit_fixture, "cancel_everywhere: other tasks by turn, when that is asked for") {
  const auto scenario = [] {
    auto t = async(task_options{.name = "child"}, [] {
      try {
        yield();
      } catch (const cancelled_error&) {
        throw std::logic_error("bad child");
      }
    });
    // Not awaited, so that it is not cancelled together with the scenario.
    while (!t.done()) {
      try {
        yield();
      } catch (const cancelled_error&) {
      }
    }
    if (!t.cancelled()) t.result();
  };
  CHECK(cancel_everywhere({}, scenario).runs > 3);
  const auto e = failure_of<cancellation_failed>([&] { cancel_everywhere({.each_task = true}, scenario); });
  CHECK(contains(e.what(), "task 'child' is cancelled at point"));
  CHECK(caught(e.cause()) == "bad child");
  const auto group = [] {
    task_group::run([](task_group& g) {
      static_cast<void>(g.async([] { yield(); }));
      static_cast<void>(g.async([] { sleep(1ms); }));
    });
  };
  CHECK(cancel_everywhere({.each_task = true}, group).runs > cancel_everywhere({}, group).runs + 5);
}

TEST_CASE_FIXTURE(kit_fixture, "cancel_everywhere: a second request in the cleanup, when that is asked for") {
  const auto scenario = [] {
    try {
      yield();
    } catch (const cancelled_error&) {
      try {
        yield();
      } catch (const cancelled_error&) {
        throw std::logic_error("bad second cleanup");
      }
      throw;
    }
  };
  cancel_everywhere({}, scenario);
  const auto e = failure_of<cancellation_failed>([&] { cancel_everywhere({.twice = true}, scenario); });
  CHECK(caught(e.cause()) == "bad second cleanup");
}

TEST_CASE_FIXTURE(kit_fixture, "cancel_everywhere: with the order that a seed chooses") {
  std::set<std::string> orders;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    trace order;
    cancel_everywhere({.seed = seed, .only_point = 1}, [&] {
      CHECK(testing::current_seed() == seed);
      static_cast<void>(order.take());
      gather([&] { order("a"); }, [&] { order("b"); });
      orders.insert(order.take());
    });
  }
  CHECK(orders == std::set<std::string>{"a b", "b a"});
}

TEST_CASE_FIXTURE(kit_fixture, "cancel_everywhere: a point that there is not") {
  CHECK(caught([] { cancel_everywhere({.only_point = 1000}, [] { yield(); }); }) == "invalid_argument");
}

TEST_CASE_FIXTURE(kit_fixture, "cancel_everywhere: what never ends is broken off") {
  const auto e = failure_of<cancellation_failed>([] {
    cancel_everywhere({.max_steps = 300}, [] {
      try {
        sleep(1ms);
      } catch (const cancelled_error&) {
        for (;;) yield();
      }
    });
  });
  CHECK(contains(e.what(), "max_steps"));
}

// --- Planted bugs ---

namespace {

/// Parks until its waker wakes it, or a cancellation.
void park_with(const lowlevel::waker& waker, const char* what) {
  struct op_type : lowlevel::wait_op {
    lowlevel::waker self{};
    bool cancelled = false;
  } op;
  const lowlevel::wait_kind kind = {[](lowlevel::wait_op& o) noexcept {
                                      auto& mine = static_cast<op_type&>(o);
                                      mine.cancelled = true;
                                      return mine.self.wake();
                                    },
                                    what};
  op.self = waker;
  op.kind = &kind;
  lowlevel::park(op);
  if (op.cancelled) lowlevel::throw_cancelled();
}

/// Looks whether it is set, does something else, and only then gets into line: a `set` in between is lost.
struct forgetful_event {
  bool is_set = false;
  std::deque<lowlevel::waker> waiting{};

  void wait() {
    if (is_set) return;
    yield();
    waiting.push_back(lowlevel::waker::for_next_park());
    park_with(waiting.back(), "forgetful event");
  }
  void set() {
    is_set = true;
    for (auto& w : waiting) w.wake();
    waiting.clear();
  }
};

/// Hands a permit to who waits first, who loses it when it is cancelled before it runs.
struct leaky_semaphore {
  int permits = 1;
  std::deque<lowlevel::waker> waiting{};

  void acquire() {
    if (permits > 0) {
      --permits;
      return;
    }
    waiting.push_back(lowlevel::waker::for_next_park());
    park_with(waiting.back(), "leaky permit");
  }
  void release() {
    while (!waiting.empty()) {
      auto next = std::move(waiting.front());
      waiting.pop_front();
      if (next.wake()) return;
    }
    ++permits;
  }
};

/// Takes for granted that who was started first ends first.
void assume_the_order_of_starts() {
  std::vector<int> ended;
  gather([&] { ended.push_back(1); },
         [&] {
           yield();
           ended.push_back(2);
         });
  if (ended.front() != 1) throw std::logic_error("the second was first");
}

/// Looks, waits, and then acts on what it saw.
void spend_twice() {
  int money = 10;
  const auto buy = [&money] {
    if (money < 10) return;
    give_up_passes(2);
    money -= 10;
  };
  gather(buy, [&] {
    give_up_passes(3);
    buy();
  });
  if (money < 0) throw std::logic_error("in debt");
}

void wait_for_forgetful_event() {
  forgetful_event e;
  gather([&] { e.wait(); },
         [&] {
           yield();
           e.set();
         });
}

/// Found by a seed, found again by that seed alone, and not there in the loop's own order.
void check_found_by_a_seed(void (*scenario)(), std::string_view words) {
  nakh::run(scenario);
  const auto e = failure_of<exploration_failed>([&] { explore({.seeds = 200}, scenario); });
  CHECK(contains(e.what(), words));
  CHECK(contains(e.what(), "NAKH_SEED=" + std::to_string(e.seed())));
  const environment replay("NAKH_SEED", std::to_string(e.seed()).c_str());
  const auto again = failure_of<exploration_failed>([&] { explore({}, scenario); });
  CHECK(again.seed() == e.seed());
  CHECK(again.what() == std::string(e.what()));
}

}  // namespace

TEST_CASE_FIXTURE(kit_fixture, "planted: a lost wake-up is found, and its seed finds it again") {
  check_found_by_a_seed(&wait_for_forgetful_event, "(forgetful event)");
}

TEST_CASE_FIXTURE(kit_fixture, "planted: an assumption about the order is found, and its seed finds it again") {
  check_found_by_a_seed(&assume_the_order_of_starts, "the second was first");
}

TEST_CASE_FIXTURE(kit_fixture, "planted: acting on what was seen before a wait is found, and its seed finds it again") {
  check_found_by_a_seed(&spend_twice, "in debt");
}

TEST_CASE_FIXTURE(kit_fixture, "planted: a permit that a cancellation loses is found, at the moment between wake and turn") {
  const auto scenario = [](leaky_semaphore& s) {
    s.acquire();
    auto other = async([&s] { s.release(); });
    try {
      s.acquire();
    } catch (const cancelled_error&) {
      while (!other.done()) yield();
      throw;
    }
    s.release();
    other.await();
  };
  const auto look = [](leaky_semaphore& s) {
    if (s.permits != 1) throw std::logic_error(std::to_string(s.permits) + " permits");
  };
  explore<leaky_semaphore>({.seeds = 50}, scenario, look);
  const auto e = failure_of<cancellation_failed>([&] { cancel_everywhere<leaky_semaphore>({}, scenario, look); });
  CHECK(e.wait() == "leaky permit");
  CHECK(contains(e.what(), "when it had been woken (leaky permit) and was about to run: std::logic_error: 0 permits"));
  CHECK_THROWS_AS(cancel_everywhere<leaky_semaphore>({.only_point = e.point()}, scenario, look), cancellation_failed);
}
