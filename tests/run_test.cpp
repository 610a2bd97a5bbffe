// SPDX-License-Identifier: BSL-1.0
#include <nakh/run.hpp>

#include "support/captured_stderr.hpp"
#include "support/fixture.hpp"

#include <nakh/gather.hpp>

#include <cstdlib>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>

using namespace nakh;
using namespace nakh::test;
using namespace std::chrono_literals;

namespace {

template <class F>
concept can_run = requires(F f) { nakh::run(f); };

run_options in_time_of(virtual_clock& c) { return run_options{.clock = &c, .loop = {}, .loop_factory = {}}; }

}  // namespace

TEST_CASE_FIXTURE(fixture, "T-run-01: run gives main's value or error") {
  const run_options options = in_time_of(clock);
  CHECK(nakh::run(options, [] { return sleep(1s, 7); }) == 7);
  nakh::run(options, [&] { say("void"); });
  CHECK(*nakh::run(options, [] { return std::make_unique<int>(3); }) == 3);
  int value = 1;
  nakh::run(options, [&]() -> int& { return value; }) = 5;
  CHECK(value == 5);
  CHECK(caught([&] { nakh::run(options, [] { throw std::runtime_error("boom"); }); }) == "boom");
  CHECK(caught([&] { nakh::run(options, [] { throw 42; }); }) == "int 42");
  CHECK(caught([&] { nakh::run(options, [] { throw system_exit(3); }); }) == "system_exit(3)");
  CHECK(nakh::run([] { return 8; }) == 8);
  CHECK(say.take() == "void");
}

TEST_CASE_FIXTURE(fixture, "T-run-02: tasks that are left are cancelled and awaited to their very ends") {
  CHECK(run([&] {
          static_cast<void>(async([&] {
            try {
              sleep(1h);
            } catch (const cancelled_error&) {
              say("a cleans up");
              sleep(10s);
              say("a is clean at", now());
              throw;
            }
          }));
          static_cast<void>(async([&] { say(caught([] { future<>().await(); })); }));
          static_cast<void>(async([&] {
            while (caught([] { sleep(1s); }) == "nothing") {
            }
            sleep(20s);
            say("c ends at", now());
          }));
          yield();
          static_cast<void>(async([&] { say("begins and ends"); }));
          sleep(500ms);
          return 7;
        }) == 7);
  CHECK(say.take() == "begins and ends a cleans up cancelled_error a is clean at10500 c ends at20500");
}

TEST_CASE_FIXTURE(fixture, "T-run-02: also when main fails; a task made in main's last step still begins, as in asyncio") {
  CHECK(caught([&] {
          run([&] {
            static_cast<void>(async([&] { say(caught([] { sleep(1h); })); }));
            yield();
            static_cast<void>(async([&] {
              say("begins");
              say("late " + caught([] { sleep(1h); }));
            }));
            throw std::runtime_error("boom");
          });
        }) == "boom");
  CHECK(say.take() == "begins cancelled_error late cancelled_error");
}

TEST_CASE_FIXTURE(fixture, "T-run-02: a cleanup that makes new tasks") {
  run([&] {
    static_cast<void>(async([&] {
      caught([] { sleep(1h); });
      auto helper = async([&] { return sleep(3s, 4); });
      say("helper gave", helper.await());
      static_cast<void>(async([&] { say(caught([] { sleep(1h); })); }));
      yield();
    }));
    yield();
  });
  CHECK(now() == 3000);
  CHECK(say.take().find("helper gave4") == 0);
  reports.clear();  // the last one is left pending, as in asyncio
}

TEST_CASE_FIXTURE(fixture, "T-run-03: a task that fails while it is cancelled is reported; run's result stands") {
  CHECK(run([&] {
          static_cast<void>(async(task_options{.name = "loser"}, [] {
            caught([] { sleep(1h); });
            throw std::runtime_error("boom");
          }));
          yield();
          return 7;
        }) == 7);
  const report r = take_report();
  CHECK(r.error == "boom");
  CHECK(r.source == "loser");
  CHECK(r.message.find("shutdown") != std::string::npos);
}

TEST_CASE_FIXTURE(fixture, "T-run-05: one runner, several runs on the same loop, also after main has failed") {
  runner r(in_time_of(clock));
  event_loop* first = nullptr;
  r.run([&] { first = &get_running_loop(); });
  CHECK(caught([&] { r.run([] { throw std::runtime_error("boom"); }); }) == "boom");
  CHECK(r.run([&] {
    CHECK(&get_running_loop() == first);
    return sleep(1s, 5);
  }) == 5);
  CHECK(&r.get_loop() == first);
  r.close();
  check_nothing_left(*first);
}

TEST_CASE_FIXTURE(fixture, "T-run-06: a task left behind by one run goes on during the next") {
  runner r(in_time_of(clock));
  event_loop& own = r.get_loop();
  watch(own);
  std::vector<task<int>> left;
  r.run([&] {
    left.push_back(async([&] {
      sleep(2s);
      say("goes on");
      return sleep(2s, 5);
    }));
    sleep(1s);
  });
  CHECK_FALSE(left[0].done());
  CHECK(left[0].cancelling() == 0);
  CHECK(say.take().empty());
  r.run([&] { CHECK(left[0].await() == 5); });
  CHECK(now() == 4000);
  CHECK(say.take() == "goes on");
  r.close();
  check_nothing_left(own);
}

TEST_CASE_FIXTURE(fixture, "T-run-07: a closed runner") {
  runner r(in_time_of(clock));
  event_loop& own = r.get_loop();
  r.close();
  CHECK(own.is_closed());
  bool ran = false;
  CHECK(caught([&] { r.run([&] { ran = true; }); }) == "usage_error");
  CHECK(caught([&] { static_cast<void>(r.get_loop()); }) == "usage_error");
  r.close();
  CHECK_FALSE(ran);

  runner never_used;
  never_used.close();
  CHECK(caught([&] { never_used.run([&] { ran = true; }); }) == "usage_error");
  CHECK_FALSE(ran);
}

TEST_CASE_FIXTURE(fixture, "T-run-08: run and runner::run inside a running loop: an error, and the outer loop is unharmed") {
  run([&] {
    bool ran = false;
    const auto f = [&] { ran = true; };
    CHECK(caught([&] { nakh::run(f); }) == "usage_error");
    CHECK(caught([&] { nakh::run(in_time_of(clock), f); }) == "usage_error");
    runner r;
    CHECK(caught([&] { r.run(f); }) == "usage_error");
    get_running_loop().call_soon([&] {
      say(caught([&] { nakh::run(f); }));
      say(caught([&] { r.run(f); }));
    });
    sleep(1s);
    CHECK_FALSE(ran);
    CHECK(nakh::clock::now() == time_point(1s));
    async([&] { say("unharmed"); }).await();
  });
  CHECK(say.take() == "usage_error usage_error unharmed");
}

TEST_CASE_FIXTURE(fixture, "T-run-08: a runner's own run from inside it") {
  runner r(in_time_of(clock));
  event_loop& own = r.get_loop();
  r.run([&] {
    CHECK(caught([&] { r.run([] {}); }) == "usage_error");
    CHECK(caught([&] { own.close(); }) == "usage_error");
    yield();
  });
  CHECK(r.run([] { return 3; }) == 3);
}

TEST_CASE_FIXTURE(fixture, "T-run-08: closing a runner while it runs is an error, and the run goes on") {
  runner r(in_time_of(clock));
  event_loop& own = r.get_loop();
  CHECK(r.run([&] {
    auto other = async([] { return sleep(1s, 1); });
    CHECK(caught([&] { r.close(); }) == "usage_error");
    sleep(2s);
    CHECK_FALSE(other.cancelled());
    return other.result();
  }) == 1);
  r.close();
  CHECK(own.is_closed());
}

TEST_CASE_FIXTURE(fixture, "T-run-09: main ends cancelled: cancelled_error comes out of run") {
  CHECK(caught([&] {
          run([] {
            current_task().cancel("why");
            yield();
          });
        }) == "cancelled_error(why)");
  CHECK(caught([&] {
          run([] {
            auto main = current_task();
            get_running_loop().call_later(1s, [main] { main.cancel(); });
            sleep(1h);
          });
        }) == "cancelled_error");
  CHECK(caught([&] { run([] { throw cancelled_error(); }); }) == "cancelled_error");
  CHECK(now() == 1000);
}

TEST_CASE_FIXTURE(fixture, "T-run-12: a loop factory is used, and called once") {
  int calls = 0;
  event_loop* made = nullptr;
  run_options options;
  options.loop_factory = [&] {
    ++calls;
    auto l = std::make_unique<event_loop>(loop_options{.clock = &clock});
    made = l.get();
    return l;
  };
  CHECK(nakh::run(options, [&] {
          CHECK(&get_running_loop() == made);
          return sleep(1h, 3);
        }) == 3);
  CHECK(calls == 1);
  CHECK(now() == 3'600'000);
  runner r(options);
  CHECK(calls == 1);
  r.run([] {});
  r.run([] {});
  CHECK(calls == 2);
}

TEST_CASE_FIXTURE(fixture, "T-run-12: a loop factory that returns none, or throws") {
  run_options options;
  options.loop_factory = [] { return std::unique_ptr<event_loop>(); };
  CHECK(caught([&] { nakh::run(options, [] {}); }) == "invalid_argument");
  options.loop_factory = []() -> std::unique_ptr<event_loop> { throw std::runtime_error("boom"); };
  CHECK(caught([&] { nakh::run(options, [] {}); }) == "boom");
}

TEST_CASE_FIXTURE(fixture, "T-run-12: virtual time by the environment") {
  ::setenv("NAKH_CLOCK", "virtual", 1);
  const auto slept = nakh::run([] {
    const time_point start = nakh::clock::now();
    sleep(1000h);
    return nakh::clock::now() - start;
  });
  ::unsetenv("NAKH_CLOCK");
  CHECK(slept == 1000h);
}

TEST_CASE("T-run-13: what is no function does not compile") {
  static_assert(can_run<decltype([] {})>);
  static_assert(!can_run<int>);
  static_assert(!can_run<decltype([](int) {})>);
  static_assert(!can_run<task<int>>);
}

TEST_CASE_FIXTURE(fixture, "a fatal error in a task leaves run at once; the rest is cancelled and awaited") {
  CHECK(caught([&] {
          run([&] {
            static_cast<void>(async([&] { say("sleeper " + caught([] { sleep(1h); })); }));
            static_cast<void>(async([] {
              sleep(1s);
              throw system_exit(4);
            }));
            say("main " + caught([] { sleep(1h); }));
          });
        }) == "system_exit(4)");
  CHECK(say.take() == "main cancelled_error sleeper cancelled_error");
  CHECK(now() == 1000);
  CHECK(take_report_error() == "system_exit(4)");  // nobody ever asked the task
}

TEST_CASE_FIXTURE(fixture, "stop inside run is an error that leaves run; main is cancelled") {
  CHECK(caught([&] {
          run([&] {
            get_running_loop().stop();
            say(caught([] { sleep(1h); }));
          });
        }) == "usage_error");
  CHECK(say.take() == "cancelled_error");
}

TEST_CASE_FIXTURE(fixture, "each thread has its own run") {
  std::string from_threads;
  std::thread a([] { CHECK(nakh::run([] { return sleep(1ms, 1); }) == 1); });
  std::thread b([&] {
    virtual_clock own;
    from_threads = nakh::run(in_time_of(own), [] { return sleep(1h, std::string("b")); });
  });
  CHECK(run([] { return sleep(1h, 3); }) == 3);
  a.join();
  b.join();
  CHECK(from_threads == "b");
}

TEST_CASE_FIXTURE(fixture, "run after run leaves nothing") {
  for (int i = 0; i < 100; ++i) {
    run([] {
      static_cast<void>(async([] { sleep(1h); }));
      yield();
    });
  }
}
