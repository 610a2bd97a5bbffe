// SPDX-License-Identifier: BSL-1.0
// Threads that cannot be had, memory that is not there, tasks that refuse to end.
#include "sanitizers.hpp"
#include "support/allocations.hpp"
#include "support/fixture.hpp"
#include "support/in_valgrind.hpp"

#include <nakh/gather.hpp>
#include <nakh/thread.hpp>
#include <nakh/threadsafe.hpp>

#include <dlfcn.h>
#include <pthread.h>

#include <atomic>
#include <cerrno>
#include <latch>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "loop_core.hpp"

using namespace nakh;
using namespace nakh::test;
using namespace std::chrono_literals;

namespace {

/// How many threads may still be started; negative: any number.
std::atomic<int> threads_left = -1;

}  // namespace

#if !defined(NAKH_TSAN)  // which has its own
extern "C" int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*f)(void*), void* argument) noexcept {
  using function = int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  static const auto next = reinterpret_cast<function>(::dlsym(RTLD_NEXT, "pthread_create"));
  if (threads_left == 0) return EAGAIN;
  if (threads_left > 0) --threads_left;
  return next(thread, attributes, f, argument);
}
#endif

namespace {

/// While it lives, so many threads can be started and no more.
struct few_threads {
  explicit few_threads(int count) noexcept { threads_left = count; }
  ~few_threads() { threads_left = -1; }
  few_threads(const few_threads&) = delete;
  few_threads& operator=(const few_threads&) = delete;
};

/// False in a tool that starts threads itself.
bool threads_are_ours() {
  const few_threads none(0);
  try {
    std::thread([] {}).join();
  } catch (const std::system_error&) {
    return true;
  }
  MESSAGE("skipped: the tool that this runs in starts the threads");
  return false;
}

/// Calls `f` with the first allocation failing, then the second, and so on, until it succeeds. What `f` lets out is bad_alloc.
template <class F>
int until_memory_lasts(F&& f) {
  for (int failures = 0;; ++failures) {
    allocator.left = failures;
    try {
      f();
      if (std::exchange(allocator.left, -1) != -1) return failures;
    } catch (const std::bad_alloc&) {
      allocator.left = -1;
    }
    REQUIRE(failures < 200);
  }
}

}  // namespace

TEST_CASE_FIXTURE(fixture, "no thread can be started: an error, and the next attempt works") {
  if (!threads_are_ours()) return;
  const auto token = std::make_shared<int>(0);
  run([&] {
    std::string message;
    {
      const few_threads none(0);
      try {
        to_thread([token] {});
      } catch (const std::system_error& e) {
        message = e.what();
        CHECK(e.code() == std::errc::resource_unavailable_try_again);
      }
      thread_pool own(2);
      CHECK_THROWS_AS(static_cast<void>(get_running_loop().run_in_executor(own, [token] {})), std::system_error);
    }
    CHECK(message.find("nakh: no thread can be started") == 0);
    CHECK(token.use_count() == 1);
    CHECK(get_running_loop().core().outside_work == 0);
    sleep(1h);
    CHECK(to_thread([] { return 3; }) == 3);
  });
  CHECK(now() == 3600000);
}

TEST_CASE_FIXTURE(fixture, "some threads can be started, and no more: these do all") {
  if (!threads_are_ours()) return;
  run([&] {
    const few_threads two(2);
    std::atomic<int> calls = 0;
    std::latch both(2);
    std::vector<future<>> all;
    for (int i = 0; i < 2; ++i) all.push_back(get_running_loop().run_in_executor([&] { both.arrive_and_wait(); }));
    for (int i = 0; i < 20; ++i) all.push_back(get_running_loop().run_in_executor([&] { ++calls; }));
    gather(all);
    CHECK(calls == 20);
  });
}

TEST_CASE_FIXTURE(fixture, "memory ends anywhere on the way to a thread: an error, and nothing is left") {
  if (!allocations_are_ours()) return;
  const auto token = std::make_shared<int>(0);
  for (const bool own_pool : {false, true}) {
    run([&] {
      event_loop& loop = get_running_loop();
      std::atomic<int> calls = 0;
      std::optional<future<int>> f;
      const int failures = until_memory_lasts([&] {
        if (own_pool) {
          thread_pool pool(1);
          f = loop.run_in_executor(pool, [&, token] { return ++calls; });
        } else {
          f = loop.run_in_executor([&, token] { return ++calls; });
        }
      });
      CHECK(failures > 4);
      CHECK(f->await() == 1);
      CHECK(calls == 1);
      CHECK(token.use_count() == 1);
      CHECK(loop.core().outside_work == 0);
      CHECK(until_memory_lasts([&] { loop.set_default_executor(std::make_shared<thread_pool>(2)); }) > 2);
      int value = 0;
      CHECK(until_memory_lasts([&] { value = to_thread([] { return 4; }); }) > 1);
      CHECK(value == 4);
    });
  }
}

TEST_CASE_FIXTURE(fixture, "memory ends anywhere on the way to the end of the executor") {
  if (!allocations_are_ours()) return;
  run([&] {
    event_loop& loop = get_running_loop();
    std::latch go(1);
    const auto f = loop.run_in_executor([&] { go.wait(); });
    auto ends = async([&] {
      int failures = 0;
      for (bool ended = false; !ended; ++failures) {
        loop.call_soon([] { allocator.left = -1; });  // others must not find the memory gone
        allocator.left = failures;
        try {
          loop.shutdown_default_executor(1h);
          ended = true;
        } catch (const std::bad_alloc&) {
          allocator.left = -1;
        }
      }
      CHECK(failures > 2);
    });
    passes_until([&] { return loop.core().outside_work == 2; });
    CHECK(loop.core().outside_work == 2);
    go.count_down();
    ends.await();
    f.await();
    CHECK(loop.core().outside_work == 0);
  });
}

TEST_CASE_FIXTURE(fixture, "memory ends anywhere on the way to a task of another thread: an error there") {
  if (!allocations_are_ours()) return;
  const auto token = std::make_shared<int>(0);
  run([&] {
    event_loop& loop = get_running_loop();
    to_thread([&] {
      std::optional<threadsafe_future<int>> f;
      CHECK(until_memory_lasts([&] { f = async_threadsafe(loop, [token] { return 1; }); }) > 2);
      CHECK(f->get() == 1);
      f.reset();
      // Cancelling needs memory: without it nothing happens.
      std::latch go(1);
      loop.call_soon_threadsafe([&] { go.wait(); });
      auto g = async_threadsafe(loop, [] { sleep(1h); });
      bool cancelled = false;
      CHECK(until_memory_lasts([&] { cancelled = g.cancel(); }) > 0);
      CHECK(cancelled);
      go.count_down();
      CHECK(caught([&] { g.get(); }) == "cancelled_error");
    });
    // In the loop's thread.
    for (int failures = 0; failures < 8; ++failures) {
      auto f = async_threadsafe(loop, [token] { return 2; });
      loop.call_soon([] { allocator.left = -1; });
      allocator.left = failures;
      std::string error;
      int value = 0;
      passes_until([&] { return f.wait_for(0s) == std::future_status::ready; });
      allocator.left = -1;
      error = caught([&] { value = f.get(); });
      CHECK((error == "bad_alloc" || (error == "nothing" && value == 2)));
    }
    give_up_passes(3);
    CHECK(token.use_count() == 1);
  });
}

TEST_CASE("a loop is closed whose task refuses to end: another thread that waits for it gets an error") {
  if (in_valgrind()) {
    MESSAGE("skipped: the task is leaked, as it must be, and Valgrind would say so");
    return;
  }
  static virtual_clock clock;
  std::optional<event_loop> own(std::in_place, loop_options{.clock = &clock});
  static const detail::loop_core* kept = nullptr;  // the task keeps it for ever
  kept = &own->core();
  CHECK(kept != nullptr);
  std::vector<std::string> messages;
  own->set_exception_handler([&](event_loop&, const exception_context& c) { messages.push_back(c.message); });
  std::optional<threadsafe_future<>> f;
  std::thread([&] {
    f = async_threadsafe(*own, [&] {
      for (;;) caught([] { sleep(1h); });
    });
  }).join();
  for (int pass = 0; pass < 3; ++pass) {
    own->stop();
    own->run_forever();
  }
  own->close();
  REQUIRE(messages.size() == 2);
  CHECK(messages[1].find("A task refuses to end") == 0);
  std::string error;
  std::thread([&] {
    try {
      f->get();
    } catch (const usage_error& e) {
      error = e.what();
    }
  }).join();
  CHECK(error.find("nakh: the loop is closed, and the task has refused to end") == 0);
  own.reset();
}

TEST_CASE_FIXTURE(fixture, "what is under way outside is counted, to the end of what was cancelled too") {
  run([&] {
    event_loop& loop = get_running_loop();
    const unsigned int& count = loop.core().outside_work;
    CHECK(count == 0);
    std::latch begun(1);
    std::latch go(1);
    loop.set_default_executor(std::make_shared<thread_pool>(1));
    const auto runs = loop.run_in_executor([&] {
      begun.count_down();
      go.wait();
    });
    const auto queued = loop.run_in_executor([] {});
    CHECK(count == 2);
    begun.wait();
    runs.cancel();
    CHECK(count == 2);
    queued.cancel();
    CHECK(count == 1);
    go.count_down();
    passes_until([&] { return count == 0; });
    to_thread([&] {
      CHECK(async_threadsafe(loop, [&] {
              passes_until([&] { return count == 0; });  // the job waits for this task
              return count;
            }).get() == 0);
      CHECK(async_threadsafe(loop, [&] { return count; }).wait_for(1h) == std::future_status::ready);
    });
    CHECK(count == 0);
  });
}

TEST_CASE_FIXTURE(fixture, "a job takes three allocations at most, and leaves nothing behind") {
  if (!allocations_are_ours()) return;
  run([] {
    const auto round_trip = [] { to_thread([] {}); };
    for (int i = 0; i < 10; ++i) round_trip();
    CHECK(allocations_in(round_trip) <= 3);
    const long before = blocks_alive;
    for (int i = 0; i < 1000; ++i) round_trip();
    CHECK(blocks_alive - before < 50);
  });
}
