// SPDX-License-Identifier: BSL-1.0
#include <nakh/error.hpp>

#include "support/fixture.hpp"

#include <nakh/event.hpp>
#include <nakh/gather.hpp>
#include <nakh/shield.hpp>
#include <nakh/task_group.hpp>
#include <nakh/timeout.hpp>
#include <nakh/wait.hpp>

#include <csignal>
#include <optional>
#include <semaphore>
#include <string>
#include <thread>
#include <vector>

using namespace nakh;
using namespace nakh::test;
using namespace std::chrono_literals;

namespace {

run_options looking(deadlock_detection when, virtual_clock* clock = nullptr) {
  run_options options;
  options.clock = clock;
  options.loop.deadlocks = when;
  return options;
}

constexpr auto always = deadlock_detection::always;

// What deadlock_error says; empty when none is thrown.
template <class F>
std::string deadlock_in(F&& f) {
  try {
    f();
  } catch (const deadlock_error& e) {
    return e.what();
  }
  return "";
}

bool says(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::size_t threads_here() {
  DIR* const directory = ::opendir("/proc/self/task");
  REQUIRE(directory != nullptr);
  std::size_t count = 0;
  while (const dirent* const entry = ::readdir(directory)) count += entry->d_name[0] == '.' ? 0 : 1;
  ::closedir(directory);
  return count;
}

// Sanitizers and emulators have threads of their own, which look like any others.
bool has_one_thread() {
  if (threads_here() == 1) return true;
  MESSAGE("skipped: the tool that this runs in has threads of its own");
  return false;
}

}  // namespace

TEST_CASE_FIXTURE(fixture, "deadlock: a main task that nothing can wake is an error that names it, and is cancelled") {
  const std::string text = deadlock_in([&] {
    nakh::run(looking(always, &clock), [&] {
      current_task().set_name("main");
      say(caught([] { event().wait(); }));
      say(caught([] { sleep(2s); }));
      say("cleaned up at", now());
    });
  });
  CHECK(says(text, "nakh: deadlock: the only task waits and nothing is left that could wake one"));
  CHECK(says(text, "'main' (made at "));
  CHECK(says(text, "deadlock_test.cpp:"));
  CHECK(says(text, " waits in event 0x"));
  CHECK(say.take() == "cancelled_error nothing cleaned up at2000");
}

TEST_CASE_FIXTURE(fixture, "deadlock: tasks that wait for each other are named in turn") {
  std::string text = deadlock_in([&] {
    nakh::run(looking(always, &clock), [&] {
      std::optional<task<>> b;
      const auto a = async({.name = "a"}, [&] {
        yield();
        say("a: " + caught([&] { b->await(); }));
        throw cancelled_error();
      });
      b = async({.name = "b"}, [&] {
        try {
          gather(shield(a));
        } catch (...) {
          say("b: " + caught(std::current_exception()));
          throw;
        }
      });
      event().wait();
    });
  });
  CHECK(says(text, "all 3 tasks wait"));
  CHECK((says(text, "\nthey wait for each other: 'a' -> 'b' -> 'a'\n")));
  CHECK(says(text, "waits for 'b'\n"));
  CHECK(says(text, "waits in gather for 'a'\n"));
  CHECK(says(say.take(), "cancelled_error"));
}

TEST_CASE_FIXTURE(fixture, "deadlock: a group whose member awaits the group's own task") {
  const std::string text = deadlock_in([&] {
    nakh::run(looking(always, &clock), [&] {
      std::optional<task<>> parent;
      parent = async({.name = "parent"}, [&] {
        task_group::run(
            [&](task_group& g) { static_cast<void>(g.async(task_options{.name = "member"}, [&] { nakh::wait(std::vector{*parent}); })); });
      });
      event().wait();
    });
  });
  CHECK((says(text, "they wait for each other: 'parent' -> 'member' -> 'parent'") ||
         says(text, "they wait for each other: 'member' -> 'parent' -> 'member'")));
  CHECK(says(text, "waits in task group for 'member'"));
}

TEST_CASE_FIXTURE(fixture, "deadlock: runner and run_until_complete throw it too, and go on afterwards") {
  runner r(looking(always, &clock));
  event* released = nullptr;
  CHECK(deadlock_in([&] {
          r.run([&] {
            static_cast<void>(async({.name = "left"}, [&] {
              event e;
              released = &e;
              e.wait();
              say("left behind, and woken");
            }));
            event().wait();
          });
        }) != "");
  r.run([&] {
    released->set();
    sleep(1s);
  });
  CHECK(say.take() == "left behind, and woken");
  r.close();

  event_loop loop(loop_options{.clock = &clock, .deadlocks = always});
  watch(loop);
  const future<int> never = loop.create_future<int>();
  CHECK(says(deadlock_in([&] { loop.run_until_complete(never); }), "no task is left"));
  CHECK(says(deadlock_in([&] { loop.run_until_complete([&] { return never.await(); }); }), "waits in future 0x"));
  loop.call_later(1s, [&] { never.set_result(7); });
  CHECK(loop.run_until_complete(never) == 7);
}

TEST_CASE_FIXTURE(fixture, "deadlock: a loop without a main task may wait for ever") {
  event_loop loop(loop_options{.clock = &clock, .deadlocks = always});
  static_cast<void>(loop.create_task([&] { event().wait(); }).cancel());
  std::thread other([&] { loop.call_soon_threadsafe([&] { loop.stop(); }); });
  CHECK(deadlock_in([&] { loop.run_forever(); }) == "");
  other.join();
}

TEST_CASE_FIXTURE(fixture, "deadlock: in the shutdown, a task that refuses to end and waits for ever is an error, not a hang") {
  std::string text;
  {
    runner r(looking(always, &clock));
    watch(r.get_loop());
    r.run([&] {
      static_cast<void>(async({.name = "stubborn"}, [&] {
        for (int refusals = 0; refusals < 3; ++refusals) say(caught([] { event().wait(); }));
      }));
      yield();
    });
    text = deadlock_in([&] { r.close(); });
  }
  CHECK(says(text, "'stubborn'"));
  CHECK(say.take() == "cancelled_error cancelled_error cancelled_error");
  CHECK(take_report().message == "Task was destroyed but it is pending");
}

TEST_CASE_FIXTURE(fixture, "deadlock: automatic looks when the process has one thread") {
  if (!has_one_thread()) return;
  CHECK(deadlock_in([&] { nakh::run([] { event().wait(); }); }) != "");
  CHECK(deadlock_in([&] { nakh::run(looking(deadlock_detection::automatic, &clock), [] { event().wait(); }); }) != "");
}

TEST_CASE_FIXTURE(fixture, "deadlock: not when another thread may wake it, unless always is said") {
  std::binary_semaphore waits(0);
  std::optional<future<int>> answer;
  event_loop* loop = nullptr;
  std::thread other([&] {
    waits.acquire();
    loop->call_soon_threadsafe([&] { answer->set_result(1); });
  });
  CHECK(nakh::run(looking(deadlock_detection::automatic, &clock), [&] {
          loop = &get_running_loop();
          answer.emplace(loop->create_future<int>());
          waits.release();
          return answer->await();
        }) == 1);
  other.join();

  std::binary_semaphore end(0);
  std::thread idle([&] { end.acquire(); });
  CHECK(deadlock_in([&] { nakh::run(looking(always, &clock), [] { event().wait(); }); }) != "");
  end.release();
  idle.join();
}

TEST_CASE_FIXTURE(fixture, "deadlock: off waits") {
  std::binary_semaphore waits(0);
  event_loop* loop = nullptr;
  std::optional<event> e;
  std::thread other([&] {
    waits.acquire();
    loop->call_soon_threadsafe([&] { e->set(); });
  });
  nakh::run(looking(deadlock_detection::off, &clock), [&] {
    loop = &get_running_loop();
    e.emplace();
    waits.release();
    e->wait();
  });
  other.join();
}

TEST_CASE_FIXTURE(fixture, "deadlock: not while a timer is set, a callback is queued or a handler of a signal is there") {
  CHECK(deadlock_in([&] {
          nakh::run(looking(always, &clock), [&] {
            event e;
            get_running_loop().call_later(1h, [&] { e.set(); });
            e.wait();
            get_running_loop().call_soon([&] { e.set(); });
            e.clear();
            e.wait();
            CHECK(caught([&] { timeout(1s, [] { event().wait(); }); }) == "timeout_error");
          });
        }) == "");
  // The process gets the signal while it waits: the sender needs a thread, which `always` does not look at.
  std::binary_semaphore waits(0);
  const pid_t self = ::getpid();
  std::thread sender([&] {
    waits.acquire();
    std::this_thread::sleep_for(1ms);
    ::kill(self, SIGUSR1);
  });
  CHECK(deadlock_in([&] {
          nakh::run(looking(always), [&] {
            event e;
            get_running_loop().add_signal_handler(SIGUSR1, [&] { e.set(); });
            waits.release();
            e.wait();
            get_running_loop().remove_signal_handler(SIGUSR1);
            CHECK(says(caught([] { event().wait(); }), "cancelled_error"));
          });
        }) != "");
  sender.join();
}

TEST_CASE_FIXTURE(fixture, "deadlock: a wake from another thread that comes in before the look is not overlooked") {
  for (int round = 0; round < 200; ++round) {
    event_loop loop(loop_options{.deadlocks = always});
    const future<int> answer = loop.create_future<int>();
    // Already in the inbox, and its wake in the descriptor, when the loop is about to block.
    std::thread other([&] { loop.call_soon_threadsafe([&] { answer.set_result(round); }); });
    other.join();
    CHECK(loop.run_until_complete(answer) == round);
  }
}
