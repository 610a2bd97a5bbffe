// SPDX-License-Identifier: BSL-1.0
#include <nakh/threadsafe.hpp>

#include "support/fixture.hpp"

#include <nakh/gather.hpp>
#include <nakh/thread.hpp>

#include <atomic>
#include <future>
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

/// Runs `f` in another thread, while the loop runs, and gives it the loop.
template <class F>
void with_loop_elsewhere(F&& f) {
  event_loop& loop = get_running_loop();
  to_thread([&] { f(loop); });
}

}  // namespace

TEST_CASE_FIXTURE(fixture, "T-thr-06: another thread gets the value of a task of the loop") {
  run([&] {
    with_loop_elsewhere([&](event_loop& loop) {
      const auto here = std::this_thread::get_id();
      CHECK(async_threadsafe(loop, [](int a, int b) { return a + b; }, 40, 2).get() == 42);
      CHECK(async_threadsafe(loop, [here] { return std::this_thread::get_id() != here; }).get());
      async_threadsafe(loop, [] { yield(); }).get();
      CHECK(*async_threadsafe(loop, [p = std::make_unique<int>(3)]() mutable { return std::move(p); }).get() == 3);
      int value = 1;
      async_threadsafe(loop, [&value]() -> int& { return value; }).get() = 5;
      CHECK(value == 5);
      CHECK(async_threadsafe(loop, &std::string::size, std::string("four")).get() == 4);
      auto waited = async_threadsafe(loop, [] { return 6; });
      waited.wait();
      CHECK(waited.wait_for(0s) == std::future_status::ready);
      CHECK_FALSE(waited.cancel());
      CHECK(waited.get() == 6);
      CHECK_FALSE(waited.valid());
      std::future<int> plain = async_threadsafe(loop, [] { return 7; });
      CHECK(plain.get() == 7);
      std::future<void> plain_error = async_threadsafe(loop, [] { throw std::runtime_error("boom"); });
      CHECK(caught([&] { plain_error.get(); }) == "boom");
    });
  });
}

TEST_CASE_FIXTURE(fixture, "T-thr-06: it is a task among the others") {
  run([&] {
    with_loop_elsewhere([&](event_loop& loop) {
      CHECK(async_threadsafe(loop, [] {
              sleep(1ms);
              return gather([] { return 1; }, [] { return 2; });
            }).get() == std::tuple(1, 2));
      CHECK(async_threadsafe(loop, [] { return all_tasks().size(); }).get() == 2);
    });
  });
}

TEST_CASE_FIXTURE(fixture, "T-thr-06: virtual time goes on when the only job waits for a task that sleeps") {
  run([&] {
    with_loop_elsewhere([&](event_loop& loop) {
      CHECK(async_threadsafe(loop, [] { return sleep(1h, 5); }).get() == 5);
      auto f = async_threadsafe(loop, [] { sleep(1h); });
      std::thread other([&] {
        std::this_thread::yield();
        f.cancel();
      });
      caught([&] { f.get(); });
      other.join();
    });
    const auto hours = std::chrono::duration_cast<std::chrono::hours>(clock.now().time_since_epoch()).count();
    CHECK((hours == 1 || hours == 2));  // cancelled before or after
    std::binary_semaphore go(0);
    get_running_loop().call_later(1h, [&] { say("timer"); });
    const auto still = get_running_loop().run_in_executor([&] { go.acquire(); });
    give_up_passes(2000);  // that job counts
    CHECK(say.take().empty());
    go.release();
    still.await();
  });
}

TEST_CASE_FIXTURE(fixture, "T-thr-06: another thread gets the error of the task") {
  run([&] {
    with_loop_elsewhere([&](event_loop& loop) {
      CHECK(caught([&] { async_threadsafe(loop, [] { throw std::runtime_error("boom"); }).get(); }) == "boom");
      CHECK(caught([&] { async_threadsafe(loop, []() -> int { throw 42; }).get(); }) == "int 42");
      CHECK(caught([&] {
              async_threadsafe(loop, [] {
                yield();
                throw timeout_error("late");
              }).get();
            }) == "timeout_error");
    });
  });
}

TEST_CASE_FIXTURE(fixture, "T-thr-06: an error that nobody asks for is not reported, as with asyncio") {
  run([&] {
    with_loop_elsewhere([&](event_loop& loop) {
      {
        const auto dropped = async_threadsafe(loop, [] { throw std::runtime_error("boom"); });
      }
      async_threadsafe(loop, [] {}).get();
    });
  });
}

TEST_CASE_FIXTURE(fixture, "T-thr-06: a task that was cancelled in its loop") {
  run([&] {
    with_loop_elsewhere([&](event_loop& loop) {
      std::optional<any_task> t;
      auto f = async_threadsafe(loop, [&] {
        t = current_task();
        sleep(1h);
      });
      async_threadsafe(loop, [&] {
        passes_until([&] { return t.has_value(); });
        t->cancel("by a colleague");
      }).get();
      CHECK(caught([&] { f.get(); }) == "cancelled_error(by a colleague)");
      CHECK(caught([&] { async_threadsafe(loop, [] { throw cancelled_error(); }).get(); }) == "cancelled_error");
      CHECK(caught([&] {
              async_threadsafe(loop, [] {
                current_task().cancel();
                return 1;
              }).get();
            }) == "cancelled_error");
      async_threadsafe(loop, [&] { t.reset(); }).get();  // a handle belongs to the loop's thread
    });
  });
}

TEST_CASE_FIXTURE(fixture, "T-thr-06: a fatal error ends the run, and is told") {
  std::optional<threadsafe_future<void>> f;
  CHECK(caught([&] {
          run([&] {
            event_loop& loop = get_running_loop();
            std::thread([&] { f = async_threadsafe(loop, [] { throw system_exit(3); }); }).join();
            sleep(1h);
          });
        }) == "system_exit(3)");
  CHECK(caught([&] { f->get(); }) == "system_exit(3)");
}

TEST_CASE_FIXTURE(fixture, "T-thr-06: from the loop's own thread, where nobody may wait for it") {
  run([&] {
    auto f = async_threadsafe(get_running_loop(), [] { return 3; });
    CHECK(caught([&] { f.get(); }) == "usage_error");
    CHECK(caught([&] { f.wait(); }) == "usage_error");
    CHECK(f.valid());
    CHECK(passes_until([&] { return f.wait_for(0s) == std::future_status::ready; }) <= 3);
    CHECK(f.get() == 3);
  });
}

TEST_CASE_FIXTURE(fixture, "T-thr-06: no stack for the task") {
  run_options options;
  options.clock = &clock;
  options.loop.max_stacks = 2;
  nakh::run(options, [&] {
    watch(get_running_loop());
    auto other = async([] { sleep(1s); });
    yield();
    with_loop_elsewhere([&](event_loop& loop) {
      const auto token = std::make_shared<int>(0);
      CHECK(caught([&] { async_threadsafe(loop, [token] {}).get(); }) == "stack_exhausted");
      CHECK(token.use_count() == 1);
    });
    other.await();
  });
}

TEST_CASE_FIXTURE(fixture, "T-thr-09: a thread that gives up waiting leaves the task alone") {
  run_in_real_time([&] {
    with_loop_elsewhere([&](event_loop& loop) {
      std::binary_semaphore ended(0);
      const auto begins = [&] {
        sleep(5ms);
        ended.release();
        return 1;
      };
      auto f = async_threadsafe(loop, begins);
      CHECK(f.wait_for(0s) == std::future_status::timeout);
      CHECK(f.get() == 1);
      ended.acquire();
      {
        auto dropped = async_threadsafe(loop, begins);
      }
      ended.acquire();
    });
  });
}

TEST_CASE_FIXTURE(fixture, "T-thr-09: a thread that cancels the future cancels the task") {
  run([&] {
    with_loop_elsewhere([&](event_loop& loop) {
      std::binary_semaphore begun(0);
      std::binary_semaphore clean(0);
      auto f = async_threadsafe(loop, [&] {
        begun.release();
        try {
          sleep(1h);
        } catch (const cancelled_error& e) {
          say(e.reason());
          clean.release();
          throw;
        }
      });
      begun.acquire();
      CHECK(f.cancel("not needed"));
      CHECK_FALSE(f.cancel());
      CHECK(f.wait_for(0s) == std::future_status::ready);  // at once, while the task cleans up
      CHECK(caught([&] { f.get(); }) == "cancelled_error(not needed)");
      clean.acquire();
    });
  });
  CHECK(say.take() == "not needed");
  CHECK(now() == 0);
}

TEST_CASE_FIXTURE(fixture, "T-thr-09: cancelled before it began: it never does, and its closure goes in the loop's thread") {
  run([&] {
    with_loop_elsewhere([&](event_loop& loop) {
      std::latch go(1);
      std::binary_semaphore blocked(0);
      loop.call_soon_threadsafe([&] {
        blocked.release();
        go.wait();
      });
      blocked.acquire();
      const auto token = std::make_shared<int>(0);
      auto f = async_threadsafe(loop, [&, token] { say("began"); });
      CHECK(f.cancel());
      CHECK(token.use_count() == 2);
      go.count_down();
      async_threadsafe(loop, [] {}).get();
      CHECK(token.use_count() == 1);
      CHECK(caught([&] { f.get(); }) == "cancelled_error");
    });
  });
  CHECK(say.take().empty());
}

TEST_CASE_FIXTURE(fixture, "T-thr-09: a task that goes on although it was cancelled: nobody hears of its value") {
  run([&] {
    with_loop_elsewhere([&](event_loop& loop) {
      std::binary_semaphore begun(0);
      std::binary_semaphore ended(0);
      const auto token = std::make_shared<int>(0);
      auto f = async_threadsafe(loop, [&, token] {
        begun.release();
        caught([] { sleep(1h); });
        ended.release();
        return token;
      });
      begun.acquire();
      f.cancel();
      ended.acquire();
      CHECK(caught([&] { f.get(); }) == "cancelled_error");
      async_threadsafe(loop, [] { give_up_passes(3); }).get();
      CHECK(token.use_count() == 1);
    });
  });
}

TEST_CASE_FIXTURE(fixture, "T-thr-09: cancelling and ending at once, many times: one of the two") {
  run([&] {
    with_loop_elsewhere([&](event_loop& loop) {
      int values = 0;
      int cancelled = 0;
      for (int i = 0; i < 500; ++i) {
        auto f = async_threadsafe(loop, [i] {
          give_up_passes(i % 4);
          return std::make_unique<int>(1);
        });
        if (i % 5 == 0) std::this_thread::yield();
        const bool was_pending = f.cancel();
        try {
          values += *f.get();
          CHECK_FALSE(was_pending);
        } catch (const cancelled_error&) {
          ++cancelled;
          CHECK(was_pending);
        }
      }
      CHECK(values + cancelled == 500);
    });
  });
}

// --- The loop closes ---

TEST_CASE_FIXTURE(loop_fixture, "a closed loop: the future has an error, and the closure is gone") {
  loop.close();
  const auto token = std::make_shared<int>(0);
  std::thread([&] {
    auto f = async_threadsafe(loop, [token] { return 1; });
    CHECK(token.use_count() == 1);
    CHECK_FALSE(f.cancel());
    CHECK(caught([&] { f.get(); }) == "usage_error");
  }).join();
}

TEST_CASE_FIXTURE(loop_fixture, "a loop that closes before the task began") {
  std::optional<threadsafe_future<int>> f;
  const auto token = std::make_shared<int>(0);
  std::thread([&] { f = async_threadsafe(loop, [token] { return 1; }); }).join();
  CHECK(token.use_count() == 2);
  loop.close();
  CHECK(token.use_count() == 1);
  std::string error;
  try {
    f->get();
  } catch (const usage_error& e) {
    error = e.what();
  }
  CHECK(error.find("nakh: the loop is closed, and the task has not begun") == 0);
}

TEST_CASE_FIXTURE(fixture, "a loop that ends before the task has: the task is cancelled, and the future says so") {
  std::optional<threadsafe_future<void>> f;
  run([&] {
    event_loop& loop = get_running_loop();
    std::thread([&] {
      f = async_threadsafe(loop, [&] {
        say(caught([] { sleep(1h); }));
        throw cancelled_error();
      });
    }).join();
    give_up_passes(5);
  });
  CHECK(say.take() == "cancelled_error");
  CHECK(caught([&] { f->get(); }) == "cancelled_error");
  CHECK_FALSE(f->cancel());  // the loop is gone
}

TEST_CASE_FIXTURE(loop_fixture, "a loop that is closed with the task pending") {
  std::optional<threadsafe_future<int>> f;
  std::thread([&] {
    f = async_threadsafe(loop, [] {
      sleep(1h);
      return 1;
    });
  }).join();
  loop.call_later(1s, [&] { loop.stop(); });
  loop.run_forever();
  loop.close();
  CHECK(take_report().message.find("Task was destroyed but it is pending") == 0);
  CHECK(caught([&] { f->get(); }) == "cancelled_error");
}

TEST_CASE_FIXTURE(fixture, "cancelling when the loop is gone") {
  std::optional<threadsafe_future<int>> f;
  {
    event_loop loop(loop_options{.clock = &clock});
    watch(loop);
    std::thread([&] { f = async_threadsafe(loop, [] { return 1; }); }).join();
  }
  CHECK_FALSE(f->cancel());
  CHECK(caught([&] { f->get(); }) == "usage_error");
  threadsafe_future<> none;
  CHECK_FALSE(none.cancel());
  CHECK_FALSE(none.cancel("why"));
  CHECK_FALSE(none.valid());
  CHECK_THROWS_AS(none.get(), std::future_error);
  CHECK_THROWS_AS(none.wait(), std::future_error);
  CHECK_THROWS_AS(static_cast<void>(none.wait_for(0s)), std::future_error);
}

TEST_CASE_FIXTURE(fixture, "many threads ask one loop, and some cancel, until it is closed") {
  std::atomic<int> answers = 0;
  std::vector<std::thread> threads;
  std::optional<event_loop> loop(std::in_place);
  watch(*loop);
  std::atomic<bool> stop = false;
  std::atomic<int> rounds = 0;
  for (int n = 0; n < 4; ++n) {
    threads.emplace_back([&, n] {
      for (int i = 0; !stop; ++i) {
        auto f = async_threadsafe(*loop, [i] {
          give_up_passes(i % 3);
          return i;
        });
        if (i % 4 == n) f.cancel();
        int value = i;
        const std::string error = caught([&] { value = f.get(); });
        CHECK(value == i);
        if (error == "usage_error") break;
        CHECK((error == "nothing" || error == "cancelled_error"));
        ++answers;
        ++rounds;
      }
    });
  }
  loop->run_until_complete([&] { passes_until([&] { return rounds > 500; }); });
  reports.clear();
  loop->close();
  stop = true;
  for (std::thread& t : threads) t.join();
  reports.clear();  // tasks that were pending when it was closed
  CHECK(answers > 500);
}
