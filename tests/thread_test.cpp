// SPDX-License-Identifier: BSL-1.0
#include <nakh/thread.hpp>

#include "support/captured_stderr.hpp"
#include "support/fixture.hpp"

#include <nakh/gather.hpp>
#include <nakh/run.hpp>
#include <nakh/shield.hpp>
#include <nakh/timeout.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <barrier>
#include <functional>
#include <latch>
#include <memory>
#include <optional>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace nakh;
using namespace nakh::test;
using namespace std::chrono_literals;

namespace {

/// A job that begins, says so, and does not end before it is let go.
class held_job {
 public:
  /// What the thread runs.
  [[nodiscard]] auto job() {
    return [this] {
      begun_.count_down();
      go_.wait();
      ended = true;
      return 7;
    };
  }
  void wait_until_begun() const { begun_.wait(); }
  void let_go() { go_.count_down(); }

  std::atomic<bool> ended = false;

 private:
  std::latch begun_{1};
  std::latch go_{1};
};

/// A loop with a default executor of so many threads.
void use_threads(std::size_t count) { get_running_loop().set_default_executor(std::make_shared<thread_pool>(count)); }

run_options in_time_of(virtual_clock& c) {
  run_options options;
  options.clock = &c;
  return options;
}

}  // namespace

// --- to_thread and run_in_executor ---

TEST_CASE_FIXTURE(fixture, "T-thr-01: to_thread runs the function in another thread and returns its value") {
  run([&] {
    const auto here = std::this_thread::get_id();
    CHECK(to_thread([here](int a, int b) { return std::this_thread::get_id() != here ? a + b : 0; }, 40, 2) == 42);
    to_thread([&] { CHECK(std::this_thread::get_id() != here); });
    CHECK(std::this_thread::get_id() == here);
    CHECK(now() == 0);
  });
}

TEST_CASE_FIXTURE(fixture, "T-thr-01: any kind of function, argument and value") {
  run([&] {
    int value = 1;
    to_thread([&value]() -> int& { return value; }) = 5;
    CHECK(value == 5);
    CHECK(*to_thread([] { return std::make_unique<int>(3); }) == 3);
    auto only_moves = [p = std::make_unique<int>(4)] { return *p; };
    CHECK(to_thread(std::move(only_moves)) == 4);
    CHECK(*to_thread([](std::unique_ptr<int> p) { return p; }, std::make_unique<int>(6)) == 6);
    CHECK(to_thread([](const std::string& text) { return text.size(); }, std::string("four")) == 4);
    to_thread([](int& by_reference) { by_reference = 9; }, std::ref(value));
    CHECK(value == 9);
    CHECK(to_thread(&std::string::size, std::string("three")) == 5);
    const auto shared = std::make_shared<int>(1);
    CHECK(to_thread([shared] { return shared; }) == shared);
    CHECK(shared.use_count() == 1);
  });
}

TEST_CASE_FIXTURE(fixture, "T-thr-01: other tasks run while a task waits for a thread") {
  run([&] {
    held_job held;
    auto waits = async([&] {
      say("waits");
      say("has", to_thread(held.job()));
    });
    give_up_passes(10);
    say("others run");
    held.let_go();
    waits.await();
  });
  CHECK(say.take() == "waits others run has7");
}

TEST_CASE_FIXTURE(fixture, "T-thr-02: run_in_executor gives a future of what another thread returns") {
  run([&] {
    event_loop& loop = get_running_loop();
    const auto here = std::this_thread::get_id();
    const auto elsewhere = loop.run_in_executor([here] { return std::this_thread::get_id() != here; });
    CHECK_FALSE(elsewhere.done());
    CHECK(elsewhere.await());
    thread_pool own(1);
    const auto thread_of = [&loop](thread_pool& pool) {
      return loop.run_in_executor(pool, [] { return std::this_thread::get_id(); }).await();
    };
    const auto first = thread_of(own);
    CHECK(first == thread_of(own));
    CHECK(first != loop.run_in_executor([] { return std::this_thread::get_id(); }).await());
    CHECK(caught([&] { elsewhere.set_result(true); }) == "usage_error");
  });
}

TEST_CASE_FIXTURE(fixture, "T-thr-02: given out before the loop runs") {
  virtual_clock own;
  event_loop loop(loop_options{.clock = &own});
  watch(loop);
  const auto f = loop.run_in_executor([] { return 8; });
  CHECK(loop.run_until_complete(f) == 8);
  loop.close();
  check_nothing_left(loop);
}

TEST_CASE_FIXTURE(fixture, "T-thr-03: what the function throws is thrown where it is awaited") {
  run([&] {
    CHECK(caught([] { to_thread([] { throw std::runtime_error("boom"); }); }) == "boom");
    CHECK(caught([] { to_thread([]() -> int { throw 42; }); }) == "int 42");
    CHECK(caught([] { to_thread([] { throw cancelled_error(); }); }) == "cancelled_error");
    CHECK(caught([] { to_thread([]() -> std::unique_ptr<int> { throw std::make_unique<int>(1); }); }) == "something else");
    const auto f = get_running_loop().run_in_executor([] { throw std::invalid_argument("no"); });
    CHECK(caught([&] { f.await(); }) == "invalid_argument");
    CHECK(caught(f.exception()) == "invalid_argument");
  });
}

TEST_CASE_FIXTURE(fixture, "T-thr-03: a value that cannot be moved out of the thread is an error like another") {
  struct stubborn {
    stubborn() = default;
    stubborn(const stubborn&) = delete;
    stubborn(stubborn&& other) : moves(other.moves + 1) {
      if (moves == 2) throw std::runtime_error("does not move twice");
    }
    stubborn& operator=(const stubborn&) = delete;
    stubborn& operator=(stubborn&&) = delete;
    ~stubborn() = default;
    int moves = 0;
  };
  run([&] { CHECK(caught([] { to_thread([] { return stubborn(); }); }) == "does not move twice"); });
}

TEST_CASE_FIXTURE(fixture, "T-thr-03: a fatal error ends the run, as from a task") {
  CHECK(caught([&] { run([] { to_thread([] { throw system_exit(3); }); }); }) == "system_exit(3)");
}

TEST_CASE_FIXTURE(fixture, "T-thr-03: an error that nobody asks for is reported") {
  run([&] {
    static_cast<void>(get_running_loop().run_in_executor([] { throw std::runtime_error("boom"); }));
    to_thread([] {});
    use_threads(1);
    static_cast<void>(get_running_loop().run_in_executor([] { throw std::runtime_error("boom"); }));
    to_thread([] {});
  });
  REQUIRE(reports.size() == 2);
  CHECK(reports[0].error == "boom");
  reports.clear();
}

TEST_CASE_FIXTURE(fixture, "closure and arguments are destroyed in the thread, before the value is there") {
  struct knows_its_end {
    explicit knows_its_end(std::thread::id& where) : ended_in(&where) {}
    knows_its_end(knows_its_end&& other) noexcept : ended_in(std::exchange(other.ended_in, nullptr)) {}
    knows_its_end(const knows_its_end&) = delete;
    knows_its_end& operator=(const knows_its_end&) = delete;
    knows_its_end& operator=(knows_its_end&&) = delete;
    ~knows_its_end() {
      if (ended_in != nullptr) *ended_in = std::this_thread::get_id();
    }
    std::thread::id* ended_in;
  };
  run([&] {
    std::thread::id closure;
    std::thread::id argument;
    const auto ran_in =
        to_thread([k = knows_its_end(closure)](const knows_its_end&) { return std::this_thread::get_id(); }, knows_its_end(argument));
    CHECK(closure == ran_in);
    CHECK(argument == ran_in);
  });
}

TEST_CASE_FIXTURE(fixture, "outside a task there is no waiting, and nothing begins") {
  std::atomic<bool> began = false;
  const auto f = [&] { began = true; };
  CHECK(caught([&] { to_thread(f); }) == "usage_error");
  run([&] {
    std::string in_callback;
    std::string in_thread;
    get_running_loop().call_soon([&] { in_callback = caught([&] { to_thread(f); }); });
    yield();
    CHECK(in_callback == "usage_error");
    to_thread([&] { in_thread = caught([&] { to_thread(f); }); });
    CHECK(in_thread == "usage_error");
    to_thread([&] { in_thread = caught([] { yield(); }); });
    CHECK(in_thread == "usage_error");
    const future<> mine;
    to_thread([&] { in_thread = caught([&] { mine.await(); }); });
    CHECK(in_thread == "usage_error");
  });
  CHECK_FALSE(began);
}

TEST_CASE_FIXTURE(fixture, "a job can run a loop of its own, whose tasks have threads too") {
  CHECK(run([] { return to_thread([] { return nakh::run([] { return to_thread([] { return 5; }); }); }); }) == 5);
}

TEST_CASE_FIXTURE(fixture, "a destructor can wait for a thread while an exception is under way") {
  run([&] {
    struct waits {
      trace& says;
      ~waits() {
        says("waited", to_thread([] { return 1; }));
      }
    };
    auto t = async([&] {
      const waits w{say};
      sleep(1h);
    });
    yield();
    t.cancel();
    CHECK(caught([&] { t.await(); }) == "cancelled_error");
  });
  CHECK(say.take() == "waited1");
}

TEST_CASE_FIXTURE(fixture, "T-thr-10: several functions run at once, each exactly once") {
  constexpr int count = 5;
  run([&] {
    std::barrier<> all_at_once(count);
    std::atomic<int> calls = 0;
    std::vector<task<int>> tasks;
    for (int i = 0; i < count; ++i) {
      tasks.push_back(async([&, i] {
        return to_thread([&, i] {
          all_at_once.arrive_and_wait();
          ++calls;
          return i;
        });
      }));
    }
    CHECK(gather(tasks) == std::vector<int>{0, 1, 2, 3, 4});
    CHECK(calls == count);
  });
}

TEST_CASE_FIXTURE(fixture, "T-thr-10: more functions than threads") {
  run([&] {
    use_threads(3);
    std::atomic<int> at_once = 0;
    std::atomic<int> most = 0;
    std::atomic<int> calls = 0;
    std::vector<future<>> all;
    for (int i = 0; i < 200; ++i) {
      all.push_back(get_running_loop().run_in_executor([&] {
        const int n = ++at_once;
        for (int m = most; n > m && !most.compare_exchange_weak(m, n);) {
        }
        ++calls;
        --at_once;
      }));
    }
    gather(all);
    CHECK(calls == 200);
    CHECK(most <= 3);
  });
}

TEST_CASE_FIXTURE(fixture, "jobs one after the other need one thread") {
  run([&] {
    std::vector<std::thread::id> threads;
    for (int i = 0; i < 50; ++i) threads.push_back(to_thread([] { return std::this_thread::get_id(); }));
    CHECK(std::count(threads.begin(), threads.end(), threads.front()) == 50);
  });
}

// --- Cancelling ---

TEST_CASE_FIXTURE(fixture, "T-fut-12: cancelling the loop's future takes the pool's job back, unless that has finished") {
  run([&] {
    event_loop& loop = get_running_loop();
    thread_pool pool(1);
    held_job held;
    const auto first = loop.run_in_executor(pool, held.job());
    held.wait_until_begun();
    bool has_run = false;
    const auto behind = loop.run_in_executor(pool, [&] { has_run = true; });
    CHECK(behind.cancel());
    held.let_go();
    CHECK(first.await() == 7);
    loop.run_in_executor(pool, [] {}).await();  // the one thread has come past it
    CHECK_FALSE(has_run);
    CHECK(caught([&] { behind.await(); }) == "cancelled_error");

    // It has finished, and the loop has not heard of it yet: what it has made stays.
    const auto made = std::make_shared<std::atomic<int>>(0);
    const auto finished = loop.run_in_executor(pool, [made] { *made = 5; });
    while (*made == 0) std::this_thread::yield();
    CHECK_FALSE(finished.done());
    CHECK(finished.cancel());
    CHECK(finished.cancelled());
    loop.run_in_executor(pool, [] {}).await();
    CHECK(*made == 5);
    CHECK(finished.cancelled());
  });
}

TEST_CASE_FIXTURE(fixture, "T-thr-05: who waits is cancelled at once; the function runs on, and its value is dropped") {
  const auto token = std::make_shared<int>(0);
  held_job held;
  run([&] {
    auto waits = async([&] {
      to_thread([&, token] {
        held.job()();
        return token;
      });
    });
    yield();
    held.wait_until_begun();
    waits.cancel("enough");
    CHECK(passes_until([&] { return waits.done(); }) <= 2);
    CHECK(caught([&] { waits.await(); }) == "cancelled_error(enough)");
    CHECK_FALSE(held.ended);
    held.let_go();
  });
  CHECK(held.ended);
  CHECK(token.use_count() == 1);
}

TEST_CASE_FIXTURE(fixture, "T-thr-05: the error of a function that nobody waits for any more is dropped too") {
  held_job held;
  run([&] {
    const auto f = get_running_loop().run_in_executor([&] {
      held.job()();
      throw std::runtime_error("boom");
    });
    held.wait_until_begun();
    CHECK(f.cancel());
    CHECK_FALSE(f.cancel());
    CHECK(f.cancelled());
    held.let_go();
  });
}

TEST_CASE_FIXTURE(fixture, "T-thr-05: a function that has not begun is taken back, and its closure goes") {
  const auto token = std::make_shared<int>(0);
  std::atomic<bool> began = false;
  held_job held;
  run([&] {
    use_threads(1);
    event_loop& loop = get_running_loop();
    const auto first = loop.run_in_executor(held.job());
    auto waits = async([&] { to_thread([&, token] { began = true; }); });
    const auto last = loop.run_in_executor([] { return 9; });
    yield();
    waits.cancel();
    CHECK(caught([&] { waits.await(); }) == "cancelled_error");
    held.let_go();
    CHECK(last.await() == 9);
    CHECK(first.await() == 7);
  });
  CHECK_FALSE(began);
  CHECK(token.use_count() == 1);
}

TEST_CASE_FIXTURE(fixture, "T-thr-05: a task that is cancelled already") {
  run([&] {
    std::atomic<int> calls = 0;
    auto t = async([&] {
      current_task().cancel();
      to_thread([&] { ++calls; });
    });
    CHECK(caught([&] { t.await(); }) == "cancelled_error");
    to_thread([] {});
    CHECK(calls <= 1);  // it may have begun in between
  });
}

TEST_CASE_FIXTURE(fixture, "T-thr-05: a time limit over a function that blocks") {
  held_job held;
  run_in_real_time([&] {
    const auto f = get_running_loop().run_in_executor(held.job());
    held.wait_until_begun();
    CHECK(caught([&] { wait_for(f, 1ms); }) == "timeout_error");
    CHECK_FALSE(held.ended);
    held.let_go();
  });
  CHECK(held.ended);
}

TEST_CASE_FIXTURE(fixture, "T-thr-05: a shielded function is waited for again") {
  held_job held;
  run([&] {
    const auto f = get_running_loop().run_in_executor(held.job());
    auto waits = async([&] { shield(f).await(); });
    yield();
    waits.cancel();
    CHECK(caught([&] { waits.await(); }) == "cancelled_error");
    CHECK_FALSE(f.done());
    held.let_go();
    CHECK(f.await() == 7);
  });
}

TEST_CASE_FIXTURE(fixture, "T-thr-05: cancelling while threads begin and end, many times: each runs once or not at all") {
  run([&] {
    use_threads(2);
    event_loop& loop = get_running_loop();
    std::atomic<int> calls = 0;
    int values = 0;
    int cancelled = 0;
    for (int round = 0; round < 60; ++round) {
      std::vector<future<int>> all;
      for (int i = 0; i < 10; ++i) all.push_back(loop.run_in_executor([&] { return ++calls > 0 ? 1 : 0; }));
      for (std::size_t i = 0; i < all.size(); i += 2) all[i].cancel();
      for (const auto& f : all) {
        if (caught([&] { values += f.await(); }) == "cancelled_error") ++cancelled;
      }
    }
    CHECK(values + cancelled == 600);
    CHECK(values >= 300);
    to_thread([] {});
    CHECK(calls >= values);
  });
}

// --- Virtual time ---

TEST_CASE_FIXTURE(fixture, "virtual time stands still while a thread works, whoever waits for it") {
  held_job held;
  run([&] {
    std::vector<std::string> order;
    auto sleeper = async([&] {
      sleep(1s);
      order.emplace_back("slept");
    });
    auto waiter = async([&] {
      to_thread([&] {
        held.wait_until_begun();
        std::this_thread::yield();
      });
      order.emplace_back("thread at " + std::to_string(now()));
      sleep(500ms);
      order.emplace_back("waiter at " + std::to_string(now()));
    });
    const auto dropped = get_running_loop().run_in_executor(held.job());
    yield();
    held.wait_until_begun();
    dropped.cancel();  // it still counts until it ends
    waiter.cancel();
    CHECK(caught([&] { waiter.await(); }) == "cancelled_error");
    auto other = async([&] {
      to_thread([&] { held.let_go(); });
      order.emplace_back("let go at " + std::to_string(now()));
    });
    gather(sleeper, other);
    CHECK(order == std::vector<std::string>{"let go at 0", "slept"});
    CHECK(now() == 1000);
    sleep(1h);
    CHECK(now() == 3601000);
  });
}

TEST_CASE_FIXTURE(fixture, "virtual time does not jump for a task that spins while a thread works") {
  held_job held;
  run([&] {
    bool fired = false;
    get_running_loop().call_later(1s, [&] { fired = true; });
    get_running_loop().call_later(0s, [&] { say("due"); });
    const auto f = get_running_loop().run_in_executor(held.job());
    give_up_passes(5000);
    CHECK_FALSE(fired);
    CHECK(say.take() == "due");
    held.let_go();
    f.await();
    CHECK(now() == 0);
    passes_until([&] { return fired; });
    CHECK(now() == 1000);
  });
}

TEST_CASE_FIXTURE(fixture, "a timer that is due fires while a thread works, and virtual time stands still") {
  held_job held;
  run([&] {
    const auto f = get_running_loop().run_in_executor(held.job());
    sleep(0s);
    get_running_loop().call_at(time_point(0s), [&] { held.let_go(); });
    f.await();
    CHECK(now() == 0);
  });
}

// --- Pools ---

TEST_CASE_FIXTURE(fixture, "T-thr-08: a pool that was shut down takes no more work, and does what it has") {
  CHECK(caught([] { const thread_pool none(0); }) == "invalid_argument");
  run([&] {
    event_loop& loop = get_running_loop();
    thread_pool pool(1);
    held_job held;
    const auto first = loop.run_in_executor(pool, held.job());
    const auto second = loop.run_in_executor(pool, [] { return 2; });
    pool.shutdown();
    pool.shutdown();
    const auto token = std::make_shared<int>(0);
    CHECK(caught([&] { static_cast<void>(loop.run_in_executor(pool, [token] {})); }) == "usage_error");
    CHECK(token.use_count() == 1);
    held.let_go();
    CHECK(first.await() == 7);
    CHECK(second.await() == 2);
  });
}

TEST_CASE_FIXTURE(fixture, "T-thr-08: the default executor after its shutdown") {
  run([&] {
    event_loop& loop = get_running_loop();
    SUBCASE("used before") {
      to_thread([] {});
    }
    SUBCASE("never used") {}
    SUBCASE("one of the user's") { use_threads(1); }
    loop.shutdown_default_executor();
    CHECK(caught([] { to_thread([] {}); }) == "usage_error");
    CHECK(caught([&] { static_cast<void>(loop.run_in_executor([] {})); }) == "usage_error");
    loop.shutdown_default_executor();
    CHECK(now() == 0);
    sleep(1h);
    CHECK(now() == 3600000);
    thread_pool own(1);
    CHECK(loop.run_in_executor(own, [] { return 3; }).await() == 3);
  });
}

TEST_CASE_FIXTURE(fixture, "shutdown_default_executor waits for what is queued, while tasks run") {
  run([&] {
    use_threads(1);
    event_loop& loop = get_running_loop();
    held_job held;
    std::atomic<int> calls = 0;
    const auto first = loop.run_in_executor(held.job());
    std::vector<future<>> rest;
    for (int i = 0; i < 20; ++i) rest.push_back(loop.run_in_executor([&] { ++calls; }));
    auto ends = async([&] {
      loop.shutdown_default_executor();
      say("ended with", calls.load());
    });
    give_up_passes(5);
    say("others run");
    CHECK_FALSE(ends.done());
    held.let_go();
    ends.await();
    gather(rest);
    CHECK(first.await() == 7);
  });
  CHECK(say.take() == "others run ended with20");
}

TEST_CASE_FIXTURE(fixture, "shutdown_default_executor is cancelled: it is shut down all the same, and can be waited for again") {
  held_job held;
  run([&] {
    event_loop& loop = get_running_loop();
    const auto f = loop.run_in_executor(held.job());
    auto ends = async([&] { loop.shutdown_default_executor(); });
    auto also = async([&] { loop.shutdown_default_executor(); });
    yield();
    ends.cancel();
    CHECK(caught([&] { ends.await(); }) == "cancelled_error");
    CHECK(caught([] { to_thread([] {}); }) == "usage_error");
    CHECK_FALSE(also.done());
    held.let_go();
    also.await();
    CHECK(f.await() == 7);
  });
}

TEST_CASE_FIXTURE(fixture, "shutdown_default_executor in a callback, outside, and of another loop") {
  event_loop other;
  CHECK(caught([&] { other.shutdown_default_executor(); }) == "usage_error");
  run([&] { CHECK(caught([&] { other.shutdown_default_executor(); }) == "usage_error"); });
  other.close();
  CHECK(caught([&] { other.set_default_executor(std::make_shared<thread_pool>(1)); }) == "usage_error");
}

TEST_CASE_FIXTURE(fixture, "the default executor can be replaced; what the earlier one does comes back") {
  run([&] {
    event_loop& loop = get_running_loop();
    CHECK(caught([&] { loop.set_default_executor(nullptr); }) == "invalid_argument");
    held_job held;
    const auto f = loop.run_in_executor(held.job());
    const auto queued = loop.run_in_executor([] { return 2; });
    use_threads(1);  // does not wait for the earlier one
    CHECK_FALSE(f.done());
    const auto pool = std::make_shared<thread_pool>(1);
    loop.set_default_executor(pool);
    loop.set_default_executor(pool);
    CHECK(to_thread([] { return 3; }) == 3);
    held.let_go();
    CHECK(f.await() == 7);
    CHECK(queued.await() == 2);
  });
}

TEST_CASE_FIXTURE(fixture, "a pool waits for its jobs when it is destroyed") {
  std::atomic<int> calls = 0;
  run([&] {
    std::vector<future<>> all;
    {
      held_job held;
      thread_pool pool(2);
      all.push_back(get_running_loop().run_in_executor(pool, [&] { held.job()(); }));
      for (int i = 0; i < 20; ++i) all.push_back(get_running_loop().run_in_executor(pool, [&] { ++calls; }));
      held.let_go();
    }
    CHECK(calls == 20);
    gather(all);
  });
}

TEST_CASE_FIXTURE(fixture, "a pool that its own job destroys does not wait for itself") {
  run([&] {
    auto pool = std::make_shared<thread_pool>(2);
    std::latch destroyed(1);
    auto& used = *pool;
    const auto f = get_running_loop().run_in_executor(used, [&, last = std::move(pool)]() mutable {
      last = nullptr;
      destroyed.count_down();
      return 1;
    });
    CHECK(f.await() == 1);
    destroyed.wait();
  });
}

// --- The end of run ---

TEST_CASE_FIXTURE(fixture, "T-run-04: left-over tasks end first, then the threads, then the loop is closed") {
  std::vector<std::string> order;
  held_job held;
  event_loop* loop = nullptr;
  runner r(in_time_of(clock));
  loop = &r.get_loop();
  watch(*loop);
  r.run([&] {
    static_cast<void>(loop->run_in_executor([&] {
      held.job()();
      order.emplace_back(loop->is_closed() ? "thread, loop closed" : "thread");
    }));
    static_cast<void>(async([&] {
      caught([] { sleep(1h); });
      sleep(0s);
      order.emplace_back("task");
      CHECK(to_thread([] { return 5; }) == 5);  // the threads are still there
      held.let_go();
    }));
    yield();
  });
  r.close();
  CHECK(order == std::vector<std::string>{"task", "thread"});
  check_nothing_left(*loop);
}

TEST_CASE_FIXTURE(fixture, "T-run-10: run waits for the threads that still work") {
  held_job held;
  std::atomic<bool> seen = false;
  run([&] {
    static_cast<void>(get_running_loop().run_in_executor(held.job()));
    static_cast<void>(get_running_loop().run_in_executor([&] {
      held.wait_until_begun();
      held.let_go();
      seen = true;
    }));
  });
  CHECK(held.ended);
  CHECK(seen);
}

TEST_CASE_FIXTURE(fixture, "T-run-10: also when main fails, and on an executor of the user's") {
  std::atomic<int> calls = 0;
  CHECK(caught([&] {
          run([&] {
            use_threads(1);
            for (int i = 0; i < 30; ++i) static_cast<void>(get_running_loop().run_in_executor([&] { ++calls; }));
            throw std::runtime_error("boom");
          });
        }) == "boom");
  CHECK(calls == 30);
}

TEST_CASE_FIXTURE(fixture, "T-run-10: callbacks of the threads are still served") {
  std::atomic<bool> served = false;
  run([&] {
    event_loop& loop = get_running_loop();
    static_cast<void>(loop.run_in_executor([&] {
      std::latch called(1);
      loop.call_soon_threadsafe([&] { called.count_down(); });
      called.wait();
      served = true;
    }));
  });
  CHECK(served);
}

TEST_CASE_FIXTURE(fixture, "T-thr-07: run waits for a function whose await was cancelled") {
  held_job held;
  run([&] {
    static_cast<void>(async([&] { to_thread(held.job()); }));
    yield();
    held.wait_until_begun();
    get_running_loop().call_soon_threadsafe([&] { held.let_go(); });
  });
  CHECK(held.ended);
}

TEST_CASE_FIXTURE(fixture, "T-thr-07: a runner's runs do not wait for threads; its end does") {
  held_job held;
  runner r(in_time_of(clock));
  watch(r.get_loop());
  r.run([&] { static_cast<void>(r.get_loop().run_in_executor(held.job())); });
  CHECK_FALSE(held.ended);
  r.run([&] { held.let_go(); });
  r.close();
  CHECK(held.ended);
}

TEST_CASE_FIXTURE(fixture, "T-run-11: threads that do not end in time: a warning, run returns, and what comes later is dropped") {
  bool in_virtual_time = true;
  SUBCASE("virtual time") {}
  SUBCASE("real time") { in_virtual_time = false; }
  const auto token = std::make_shared<int>(0);
  auto held = std::make_shared<held_job>();
  std::atomic<bool> began = false;
  std::optional<future<std::shared_ptr<int>>> kept;
  run_options options;
  if (in_virtual_time) options.clock = &clock;
  options.executor_limit = 1ms;
  CHECK(nakh::run(options, [&] {
          watch(get_running_loop());
          use_threads(1);
          kept = get_running_loop().run_in_executor([held, token] {
            held->job()();
            return token;
          });
          static_cast<void>(get_running_loop().run_in_executor([&] { began = true; }));
          static_cast<void>(async([] { to_thread([] {}); }));
          yield();
          return 5;
        }) == 5);
  CHECK(take_report().message.find("Threads of the default executor still work") == 0);
  CHECK(now() == 0);
  CHECK_FALSE(held->ended);
  CHECK_FALSE(kept->done());
  kept.reset();
  held->let_go();
  while (token.use_count() > 1 || held.use_count() > 1) std::this_thread::yield();
  while (!began) std::this_thread::yield();  // what was queued is still done, as with asyncio's
}

TEST_CASE_FIXTURE(fixture, "T-run-11: a limit of 0, and one that is not needed") {
  run_options options;
  options.clock = &clock;
  options.executor_limit = 0s;
  nakh::run(options, [&] {
    watch(get_running_loop());
    CHECK(to_thread([] { return 1; }) == 1);
  });
  reports.clear();  // the thread may still be on its way out of the job
  options.executor_limit = 1h;
  nakh::run(options, [&] {
    watch(get_running_loop());
    CHECK(to_thread([] { return 1; }) == 1);
  });
  CHECK(now() == 0);
}

TEST_CASE_FIXTURE(fixture, "T-run-11: a limit on shutdown_default_executor, in a task") {
  const auto held = std::make_shared<held_job>();
  run([&] {
    event_loop& loop = get_running_loop();
    const auto f = loop.run_in_executor([held] { return held->job()(); });
    loop.shutdown_default_executor(1ms);
    CHECK(take_report().message.find("Threads of the default executor still work") == 0);
    CHECK(now() == 0);
    CHECK_FALSE(f.done());
    held->let_go();
    CHECK(f.await() == 7);  // the loop is still there
  });
}

// --- The loop closes ---

TEST_CASE_FIXTURE(loop_fixture, "a loop that is closed while threads work for it does not wait for them") {
  const auto held = std::make_shared<held_job>();
  const auto token = std::make_shared<int>(0);
  std::optional<future<std::shared_ptr<int>>> f;
  f = loop.run_in_executor([held, token] {
    held->job()();
    return token;
  });
  auto t = loop.create_task([&] { f->await(); });
  loop.call_soon([&] { loop.stop(); });
  loop.run_forever();
  loop.close();
  CHECK(take_report().message.find("Task was destroyed but it is pending") == 0);
  CHECK(t.cancelled());
  held->let_go();
  while (token.use_count() > 1) std::this_thread::yield();
  CHECK(f->cancelled());
  CHECK_FALSE(f->cancel());
}

TEST_CASE_FIXTURE(loop_fixture, "a function has returned, and the loop is closed before it looks") {
  std::optional<future<int>> f;
  {
    thread_pool pool(1);
    f = loop.run_in_executor(pool, [] { return 1; });
  }
  loop.close();
  CHECK_FALSE(f->done());
  CHECK(f->cancel());
}

TEST_CASE_FIXTURE(loop_fixture, "T-thr-08: a closed loop takes no functions") {
  thread_pool pool(1);
  loop.close();
  CHECK(caught([&] { static_cast<void>(loop.run_in_executor([] {})); }) == "usage_error");
  CHECK(caught([&] { static_cast<void>(loop.run_in_executor(pool, [] {})); }) == "usage_error");
}

TEST_CASE_FIXTURE(fixture, "threads that come back while their loop is closed, many times") {
  for (int i = 0; i < 100; ++i) {
    std::optional<thread_pool> pool(2);
    {
      event_loop loop(loop_options{.clock = &clock});
      watch(loop);
      std::vector<future<int>> all;
      for (int j = 0; j < 8; ++j) all.push_back(loop.run_in_executor(*pool, [j] { return j; }));
      if (i % 2 == 0) loop.run_until_complete(all[0]);
    }
  }
}

// --- call_soon_threadsafe ---

TEST_CASE_FIXTURE(fixture, "T-thr-04: calls of one thread run in their order; a loop that sleeps is woken") {
  run_in_real_time([&] {
    event_loop& loop = get_running_loop();
    std::vector<int> order;
    const future<> last;
    std::thread other([&] {
      for (int i = 0; i < 100; ++i) loop.call_soon_threadsafe([&, i] { order.push_back(i); });
      loop.call_soon_threadsafe([&] { last.set_result(); });
    });
    last.await();  // nothing else would wake the loop
    other.join();
    REQUIRE(order.size() == 100);
    CHECK(std::is_sorted(order.begin(), order.end()));
  });
}

TEST_CASE_FIXTURE(fixture, "T-thr-04: in the loop's own thread it is one queue with call_soon") {
  run([&] {
    event_loop& loop = get_running_loop();
    loop.call_soon([&] { say("1"); });
    loop.call_soon_threadsafe([&] { say("2"); });
    loop.call_soon([&] { say("3"); });
    loop.call_soon_threadsafe([&] { say("4"); });
    yield();
  });
  CHECK(say.take() == "1 2 3 4");
}

TEST_CASE_FIXTURE(fixture, "T-thr-04: no call of many threads is lost, whether the loop sleeps or is busy") {
  constexpr int threads = 4;
  constexpr int calls = 2000;
  bool busy = false;
  SUBCASE("sleeps") {}
  SUBCASE("busy") { busy = true; }
  run_in_real_time([&] {
    event_loop& loop = get_running_loop();
    std::array<int, threads> next{};
    int ran = 0;
    bool in_order = true;
    const future<> all;
    std::vector<std::thread> others;
    for (std::size_t n = 0; n < threads; ++n) {
      others.emplace_back([&, n] {
        for (int i = 0; i < calls; ++i) {
          loop.call_soon_threadsafe([&, n, i] {
            in_order = in_order && next[n]++ == i;
            if (++ran == threads * calls) all.set_result();
          });
          if (i % 7 == 0) std::this_thread::yield();
        }
      });
    }
    if (busy) passes_until([&] { return all.done(); });
    all.await();
    for (std::thread& t : others) t.join();
    CHECK(in_order);
    CHECK(ran == threads * calls);
  });
}

TEST_CASE_FIXTURE(fixture, "T-thr-04: a single wake, again and again, is never lost") {
  run_in_real_time([&] {
    event_loop& loop = get_running_loop();
    std::counting_semaphore<> asked(0);
    std::atomic<bool> stop = false;
    std::optional<future<>> answer;
    std::thread other([&] {
      for (;;) {
        asked.acquire();
        if (stop) break;
        loop.call_soon_threadsafe([&] { answer->set_result(); });
      }
    });
    for (int i = 0; i < 3000; ++i) {
      answer.emplace();
      asked.release();
      answer->await();
    }
    stop = true;
    asked.release();
    other.join();
  });
}

TEST_CASE_FIXTURE(fixture, "T-thr-04: a call that ends the loop, which goes while the call is still being made") {
  for (int i = 0; i < 300; ++i) {
    std::thread other;
    {
      event_loop loop;
      watch(loop);
      other = std::thread([&loop] { loop.call_soon_threadsafe([&loop] { loop.stop(); }); });
      loop.run_forever();
    }
    other.join();
  }
}

TEST_CASE_FIXTURE(fixture, "T-thr-04: calls to a loop that closes: refused, run or dropped, and nothing of them is left") {
  const auto token = std::make_shared<int>(0);
  for (int i = 0; i < 100; ++i) {
    std::optional<event_loop> loop(std::in_place);
    std::atomic<bool> refused = false;
    std::latch posts(1);
    std::thread other([&] {
      while (!refused) {
        refused = caught([&] { loop->call_soon_threadsafe([token] {}); }) == "usage_error";
        if (!refused && posts.try_wait()) continue;
        if (!refused) posts.count_down();
      }
    });
    posts.wait();
    loop->close();
    other.join();
    CHECK(token.use_count() == 1);
  }
}

TEST_CASE_FIXTURE(fixture, "T-thr-11: a call that another thread cancels runs wholly or not at all") {
  constexpr int calls = 3000;
  run_in_real_time([&] {
    event_loop& loop = get_running_loop();
    std::vector<int> ran(calls, 0);
    std::vector<handle> handles;
    std::vector<bool> cancelled(calls, false);
    const future<> all;
    handles.reserve(calls);
    std::thread other([&] {
      for (int i = 0; i < calls; ++i) {
        auto own = loop.call_soon_threadsafe(
            [&ran, i, token = std::make_unique<int>(i)] { ran[static_cast<std::size_t>(*token)] += i == *token ? 1 : 5; });
        if (i % 3 == 0) std::this_thread::yield();
        own.cancel();
        own.cancel();
        cancelled[static_cast<std::size_t>(i)] = own.cancelled();
      }
      loop.call_soon_threadsafe([&] { all.set_result(); });
    });
    all.await();
    other.join();
    int both = 0;
    int neither = 0;
    for (std::size_t i = 0; i < calls; ++i) {
      if (ran[i] == 1 && cancelled[i]) ++both;
      if (ran[i] != 1 && !cancelled[i]) ++neither;
    }
    CHECK(both == 0);
    CHECK(neither == 0);
    CHECK(*std::max_element(ran.begin(), ran.end()) <= 1);
  });
}

TEST_CASE_FIXTURE(fixture, "T-thr-11: a call that the loop cancels while another thread posts it") {
  run([&] {
    event_loop& loop = get_running_loop();
    std::optional<handle> posted;
    std::thread([&] { posted = loop.call_soon_threadsafe([&] { say("never"); }); }).join();
    posted->cancel();
    CHECK(posted->cancelled());
    posted.reset();
    give_up_passes(3);
  });
  CHECK(say.take().empty());
}

// --- Several loops ---

TEST_CASE_FIXTURE(fixture, "several loops in several threads: each has its tasks, its threads and its time") {
  constexpr std::size_t count = 4;
  std::array<int, count> sums{};
  std::vector<std::thread> threads;
  for (std::size_t n = 0; n < count; ++n) {
    threads.emplace_back([&sums, n] {
      virtual_clock own;
      nakh::run(in_time_of(own), [&sums, n] {
        std::vector<task<int>> tasks;
        for (int i = 0; i < 50; ++i) {
          tasks.push_back(async([i] {
            sleep(1s);
            return to_thread([i] { return i; });
          }));
        }
        for (const int value : gather(tasks)) sums[n] += value;
      });
    });
  }
  for (std::thread& t : threads) t.join();
  for (const int sum : sums) CHECK(sum == 1225);
}

TEST_CASE_FIXTURE(fixture, "several loops share one pool") {
  const auto pool = std::make_shared<thread_pool>(2);
  std::atomic<int> sum = 0;
  std::vector<std::thread> threads;
  for (int n = 0; n < 3; ++n) {
    threads.emplace_back([&] {
      nakh::run([&] {
        std::vector<future<int>> all;
        for (int i = 0; i < 50; ++i) all.push_back(get_running_loop().run_in_executor(*pool, [i] { return i; }));
        for (const int value : gather(all)) sum += value;
      });
    });
  }
  for (std::thread& t : threads) t.join();
  CHECK(sum == 3 * 1225);
}

TEST_CASE_FIXTURE(fixture, "loops that hand a ball round, each through call_soon_threadsafe of the next") {
  constexpr std::size_t count = 3;
  constexpr int rounds = 300;
  std::vector<std::unique_ptr<event_loop>> loops;
  for (std::size_t i = 0; i < count; ++i) loops.push_back(std::make_unique<event_loop>());
  std::function<void(std::size_t, int)> pass = [&](std::size_t at, int left) {
    if (left == 0) {
      for (const auto& l : loops) l->call_soon_threadsafe([loop = l.get()] { loop->stop(); });
      return;
    }
    const std::size_t next = (at + 1) % count;
    loops[next]->call_soon_threadsafe([&pass, next, left] { pass(next, left - 1); });
  };
  std::vector<std::thread> threads;
  loops[0]->call_soon([&] { pass(0, rounds); });
  for (const auto& l : loops) threads.emplace_back([loop = l.get()] { loop->run_forever(); });
  for (std::thread& t : threads) t.join();
  loops.clear();
}
