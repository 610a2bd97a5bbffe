// SPDX-License-Identifier: BSL-1.0
#include <nakh/loop.hpp>

#include "support/fixture.hpp"

#include <nakh/run.hpp>

#include <unistd.h>

#include <chrono>
#include <csignal>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

using namespace nakh;
using namespace nakh::test;
using namespace std::chrono_literals;

namespace {

bool has_disposition(int signal, void (*expected)(int)) {
  struct sigaction present{};
  REQUIRE(::sigaction(signal, nullptr, &present) == 0);
  return present.sa_handler == expected;
}
bool has_default(int signal) { return has_disposition(signal, SIG_DFL); }

/// Sends the signal to the process, as a terminal does.
void send(int signal) { REQUIRE(::kill(::getpid(), signal) == 0); }

volatile std::sig_atomic_t own_handler_calls = 0;
void own_handler(int) { own_handler_calls = own_handler_calls + 1; }

/// Awaits a signal that another thread sends when this one, with nothing else to do, waits in the system.
void await_signal_from_thread() {
  const future<> arrived;
  get_running_loop().add_signal_handler(SIGUSR1, [&] { arrived.set_result(); });
  std::thread sender([] {
    std::this_thread::sleep_for(20ms);
    send(SIGUSR1);
  });
  arrived.await();
  sender.join();
}

}  // namespace

// --- SIGINT and run ---

TEST_CASE_FIXTURE(fixture, "T-sig-01: SIGINT cancels main, whose cleanup runs; then run throws keyboard_interrupt") {
  for (const bool real_time : {false, true}) {
    const auto main = [&] {
      send(SIGINT);
      try {
        sleep(1h);
      } catch (const cancelled_error&) {
        say("requests", current_task().cancelling());
        sleep(1ms);
        say("cleaned up");
        throw;
      }
    };
    CHECK(caught([&] { real_time ? run_in_real_time(main) : run(main); }) == "keyboard_interrupt");
    CHECK(say.take() == "requests1 cleaned up");
  }
}

TEST_CASE_FIXTURE(fixture, "T-sig-01: SIGINT from a callback, and while main awaits another task") {
  CHECK(caught([&] {
          run([&] {
            get_running_loop().call_soon([] { send(SIGINT); });
            async([&] {
              say(caught([] { sleep(1h); }));
              throw cancelled_error();
            }).await();
          });
        }) == "keyboard_interrupt");
  CHECK(say.take() == "cancelled_error");
}

TEST_CASE_FIXTURE(fixture, "T-sig-01: other tasks are cancelled by the end of run") {
  CHECK(caught([&] {
          run([&] {
            static_cast<void>(async([&] {
              say(caught([] { sleep(1h); }));
              sleep(1s);
              say("ended");
            }));
            yield();
            send(SIGINT);
            sleep(1h);
          });
        }) == "keyboard_interrupt");
  CHECK(say.take() == "cancelled_error ended");
}

TEST_CASE_FIXTURE(fixture, "T-sig-02: main swallows the cancellation: its value, and no interrupt") {
  CHECK(run([&] {
          send(SIGINT);
          say(caught([] { sleep(1h); }));
          CHECK(current_task().cancelling() == 1);
          return 7;
        }) == 7);
  CHECK(say.take() == "cancelled_error");
}

TEST_CASE_FIXTURE(fixture, "T-sig-02: main fails instead: its error") {
  CHECK(caught([&] {
          run([] {
            send(SIGINT);
            caught([] { sleep(1h); });
            throw std::runtime_error("boom");
          });
        }) == "boom");
}

TEST_CASE_FIXTURE(fixture, "T-sig-03: a second SIGINT interrupts at once") {
  const auto main = [&] {
    send(SIGINT);
    try {
      sleep(1h);
    } catch (const cancelled_error&) {
      say("cleanup");
      send(SIGINT);
      say(caught([] {
        for (int i = 0; i < 10'000'000; ++i) yield();  // bounded, so that a failure is no hang
      }));
      throw;
    }
  };
  for (const bool real_time : {false, true}) {
    CHECK(caught([&] { real_time ? run_in_real_time(main) : run(main); }) == "keyboard_interrupt");
    // The cleanup does not go on; the end of run cancels it once more.
    CHECK(say.take() == "cleanup cancelled_error");
  }
}

TEST_CASE_FIXTURE(fixture, "T-sig-03: main swallows every cancellation and never ends: the second SIGINT ends the run") {
  runner r(run_options{.clock = &clock, .loop = {}, .loop_factory = {}});
  bool may_end = false;
  CHECK(caught([&] {
          r.run([&] {
            send(SIGINT);
            while (!may_end) {
              if (caught([] { sleep(1s); }) != "nothing") {
                say("swallowed");
                if (!may_end) send(SIGINT);
              }
            }
          });
        }) == "keyboard_interrupt");
  CHECK(say.take() == "swallowed");
  may_end = true;
  r.close();
  CHECK(say.take() == "swallowed");
}

TEST_CASE_FIXTURE(fixture, "T-sig-04: the former disposition is back after run; a handler of the program stays in place") {
  REQUIRE(has_default(SIGINT));
  run([&] { CHECK_FALSE(has_default(SIGINT)); });
  CHECK(has_default(SIGINT));
  CHECK(caught([&] { run([] { throw std::runtime_error("boom"); }); }) == "boom");
  CHECK(has_default(SIGINT));

  own_handler_calls = 0;
  std::signal(SIGINT, &own_handler);
  CHECK(run([] {
          CHECK(has_disposition(SIGINT, &own_handler));
          send(SIGINT);
          sleep(1s);
          return 7;
        }) == 7);
  CHECK(own_handler_calls == 1);
  CHECK(has_disposition(SIGINT, &own_handler));
  std::signal(SIGINT, SIG_IGN);
  CHECK(run([] {
          send(SIGINT);
          return sleep(1s, 8);
        }) == 8);
  CHECK(has_disposition(SIGINT, SIG_IGN));
  std::signal(SIGINT, SIG_DFL);
}

TEST_CASE_FIXTURE(fixture, "T-sig-04: a run in another thread leaves SIGINT alone") {
  std::thread([] {
    virtual_clock own;
    nakh::run(run_options{.clock = &own, .loop = {}, .loop_factory = {}}, [] {
      yield();
      CHECK(has_default(SIGINT));
    });
  }).join();
}

TEST_CASE_FIXTURE(fixture, "T-sig-04: a handler of the program on the loop replaces that of run") {
  CHECK(run([&] {
          get_running_loop().add_signal_handler(SIGINT, [&] { say("handler"); });
          send(SIGINT);
          return sleep(1s, 7);
        }) == 7);
  CHECK(say.take() == "handler");
  CHECK(has_default(SIGINT));
}

TEST_CASE_FIXTURE(fixture, "T-sig-09: SIGINT and a cancellation by the program: cancelled_error") {
  CHECK(caught([&] {
          run([&] {
            current_task().cancel();
            send(SIGINT);
            try {
              yield();
              yield();
            } catch (const cancelled_error&) {
              caught([] { sleep(1s); });
              CHECK(current_task().cancelling() == 2);
              throw;
            }
          });
        }) == "cancelled_error");
}

TEST_CASE_FIXTURE(fixture, "an interrupt between two runs of a runner is not lost on the next one's main") {
  runner r(run_options{.clock = &clock, .loop = {}, .loop_factory = {}});
  CHECK(caught([&] {
          r.run([] {
            send(SIGINT);
            sleep(1h);
          });
        }) == "keyboard_interrupt");
  CHECK(r.run([] { return sleep(1h, 5); }) == 5);  // the count begins anew
  CHECK(caught([&] {
          r.run([] {
            send(SIGINT);
            sleep(1h);
          });
        }) == "keyboard_interrupt");
}

// --- Handlers of the program ---

TEST_CASE_FIXTURE(loop_fixture, "T-sig-05: the handler runs inside the loop, in a later pass; a second one replaces the first") {
  loop.run_until_complete([&] {
    loop.add_signal_handler(SIGUSR1, [&] {
      say("first");
      CHECK(&get_running_loop() == &loop);
      CHECK_FALSE(current_task());
    });
    send(SIGUSR1);
    say("sent");
    give_up_passes(3);
    CHECK(say.take() == "sent first");
    loop.add_signal_handler(SIGUSR1, [&] { say("second"); });
    send(SIGUSR1);
    give_up_passes(3);
    CHECK(say.take() == "second");
    send(SIGUSR1);
    sleep(1s);
    CHECK(say.take() == "second");
  });
}

TEST_CASE_FIXTURE(loop_fixture, "T-sig-05: several signals, and handlers that change handlers") {
  loop.run_until_complete([&] {
    loop.add_signal_handler(SIGUSR1, [&] {
      say("one");
      CHECK(loop.remove_signal_handler(SIGUSR1));
      loop.add_signal_handler(SIGUSR2, [&] { say("two"); });
      send(SIGUSR2);
    });
    send(SIGUSR1);
    give_up_passes(5);
    CHECK(say.take() == "one two");
  });
}

TEST_CASE_FIXTURE(loop_fixture, "T-sig-05: a handler that throws is reported") {
  loop.run_until_complete([&] {
    loop.add_signal_handler(SIGUSR1, [] { throw std::runtime_error("boom"); });
    send(SIGUSR1);
    give_up_passes(3);
  });
  CHECK(take_report_error() == "boom");
}

TEST_CASE_FIXTURE(loop_fixture, "T-sig-05: a handler that is removed before its turn does not run") {
  loop.run_until_complete([&] {
    loop.add_signal_handler(SIGUSR1, [&] { say("must not run"); });
    send(SIGUSR1);
    CHECK(loop.remove_signal_handler(SIGUSR1));
    give_up_passes(3);
  });
  CHECK(say.take().empty());
}

TEST_CASE_FIXTURE(loop_fixture, "T-sig-06: removing: true and the default is back; else false") {
  const auto token = std::make_shared<int>(0);
  CHECK_FALSE(loop.remove_signal_handler(SIGUSR1));
  loop.add_signal_handler(SIGUSR1, [token] {});
  CHECK_FALSE(has_default(SIGUSR1));
  CHECK(loop.remove_signal_handler(SIGUSR1));
  CHECK(has_default(SIGUSR1));
  CHECK(token.use_count() == 1);
  CHECK_FALSE(loop.remove_signal_handler(SIGUSR1));
}

TEST_CASE_FIXTURE(loop_fixture, "T-sig-07: signals that do not exist, and those that cannot be caught") {
  const auto f = [] {};
  for (const int signal : {0, -1, 65, 1000, 1 << 30}) {
    CHECK(caught([&] { loop.add_signal_handler(signal, f); }) == "invalid_argument");
    CHECK(caught([&] { loop.remove_signal_handler(signal); }) == "invalid_argument");
  }
  CHECK(caught([&] { loop.add_signal_handler(SIGKILL, f); }) == "usage_error");
  CHECK(caught([&] { loop.add_signal_handler(SIGSTOP, f); }) == "usage_error");
  CHECK_FALSE(loop.remove_signal_handler(SIGKILL));
}

TEST_CASE_FIXTURE(fixture, "T-sig-08: a signal wakes a loop that waits in the system for long") {
  using real = std::chrono::steady_clock;
  const auto start = real::now();
  run_in_real_time([&] {
    auto long_timer = get_running_loop().call_later(1h, [] {});
    await_signal_from_thread();
    long_timer.cancel();
  });
  CHECK(real::now() - start < 10s);
}

TEST_CASE_FIXTURE(fixture, "T-sig-08: and one in virtual time without timers") {
  run([] { await_signal_from_thread(); });
}

TEST_CASE_FIXTURE(loop_fixture, "T-sig-10: closing the loop removes its handlers") {
  const auto token = std::make_shared<int>(0);
  loop.add_signal_handler(SIGUSR1, [token] {});
  loop.add_signal_handler(SIGUSR2, [token] {});
  loop.close();
  CHECK(has_default(SIGUSR1));
  CHECK(has_default(SIGUSR2));
  CHECK(token.use_count() == 1);
  CHECK_FALSE(loop.remove_signal_handler(SIGUSR1));
}

TEST_CASE_FIXTURE(fixture, "two loops may handle the same signal; each removes its own") {
  event_loop a(loop_options{.clock = &clock});
  event_loop b(loop_options{.clock = &clock});
  a.add_signal_handler(SIGUSR1, [&] { say("a"); });
  b.add_signal_handler(SIGUSR1, [&] { say("b"); });
  send(SIGUSR1);
  a.run_until_complete([] { give_up_passes(3); });
  b.run_until_complete([] { give_up_passes(3); });
  CHECK(say.take() == "a b");
  a.close();
  CHECK_FALSE(has_default(SIGUSR1));
  send(SIGUSR1);
  b.run_until_complete([] { give_up_passes(3); });
  CHECK(say.take() == "b");
}

TEST_CASE_FIXTURE(fixture, "a signal storm while tasks work") {
  run_in_real_time([&] {
    int arrived = 0;
    get_running_loop().add_signal_handler(SIGUSR1, [&] { ++arrived; });
    for (int i = 0; i < 2000; ++i) {
      send(SIGUSR1);
      if (i % 3 == 0) yield();
      CHECK(async([i] { return i; }).await() == i);
    }
    passes_until([&] { return arrived > 0; });
    CHECK(arrived <= 2000);
  });
}
