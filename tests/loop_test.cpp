// SPDX-License-Identifier: BSL-1.0
#include <nakh/loop.hpp>

#include "support/captured_stderr.hpp"
#include "support/fixture.hpp"

#include <csignal>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>

using namespace nakh;
using namespace nakh::test;
using namespace std::chrono_literals;

namespace {

/// A loop in virtual or in real time, which take different ways through a pass.
struct both_clocks : fixture {
  event_loop& make(bool in_virtual_time) {
    loop.emplace(loop_options{.clock = in_virtual_time ? &clock : nullptr});
    watch(*loop);
    return *loop;
  }
  ~both_clocks() {
    if (!loop) return;
    loop->close();
    check_nothing_left(*loop);
  }
  std::optional<event_loop> loop;
};

/// The rest of the case runs twice.
event_loop& loop_of_subcase(both_clocks& f) {
  bool in_virtual_time = true;
  SUBCASE("virtual time") {}
  SUBCASE("real time") { in_virtual_time = false; }
  return f.make(in_virtual_time);
}

/// One pass, without waiting.
void run_one_pass(event_loop& loop) {
  loop.stop();
  loop.run_forever();
}

}  // namespace

TEST_CASE_FIXTURE(both_clocks, "T-loop-01: callbacks and tasks' steps share one queue, first in first out") {
  event_loop& l = loop_of_subcase(*this);
  l.call_soon([&] { say("call-1"); });
  auto a = l.create_task([&] {
    say("a-1");
    yield();
    say("a-2");
  });
  l.call_soon_threadsafe([&] { say("call-2"); });
  auto b = l.create_task([&] {
    say("b-1");
    yield();
    say("b-2");
  });
  l.call_soon([&] { say("call-3"); });
  l.run_until_complete(b);
  CHECK(say.take() == "call-1 a-1 call-2 b-1 call-3 a-2 b-2");
  CHECK(a.done());
}

TEST_CASE_FIXTURE(both_clocks, "T-loop-02: what a callback queues runs in the next pass, behind everything queued before") {
  event_loop& l = loop_of_subcase(*this);
  l.call_soon([&] {
    say("1");
    l.call_soon([&] {
      say("1.1");
      l.call_soon([&] { say("1.1.1"); });
    });
  });
  l.call_soon([&] {
    say("2");
    l.call_soon([&] { say("2.1"); });
  });
  run_one_pass(l);
  CHECK(say.take() == "1 2");
  run_one_pass(l);
  CHECK(say.take() == "1.1 2.1");
  run_one_pass(l);
  CHECK(say.take() == "1.1.1");
  run_one_pass(l);
  CHECK(say.take().empty());
}

TEST_CASE_FIXTURE(both_clocks, "T-loop-02: a task that is woken runs in the next pass") {
  event_loop& l = loop_of_subcase(*this);
  const auto f = l.create_future<void>();
  auto waiter = l.create_task([&] {
    f.await();
    say("woken");
  });
  run_one_pass(l);
  l.call_soon([&] {
    f.set_result();
    say("set");
  });
  l.call_soon([&] { say("behind"); });
  run_one_pass(l);
  CHECK(say.take() == "set behind");
  run_one_pass(l);
  CHECK(say.take() == "woken");
  CHECK(waiter.done());
}

TEST_CASE_FIXTURE(both_clocks, "T-loop-03: a cancelled callback is skipped; cancelling again is harmless") {
  event_loop& l = loop_of_subcase(*this);
  l.call_soon([&] { say("first"); });
  auto before = l.call_soon([&] { say("cancelled before the pass"); });
  std::optional<handle> during;
  l.call_soon([&] { during->cancel(); });
  during = l.call_soon([&] { say("cancelled in the pass"); });
  auto last = l.call_soon([&] { say("last"); });
  CHECK_FALSE(before.cancelled());
  before.cancel();
  CHECK(before.cancelled());
  before.cancel();
  CHECK(before.cancelled());
  run_one_pass(l);
  CHECK(say.take() == "first last");
  CHECK(during->cancelled());
  last.cancel();  // it has run: too late, and harmless
  run_one_pass(l);
  CHECK(say.take().empty());
}

TEST_CASE_FIXTURE(loop_fixture, "T-loop-03: a cancelled callback's closure is released with its handle") {
  const auto token = std::make_shared<int>(0);
  {
    auto h = loop.call_soon([token] {});
    CHECK(token.use_count() == 2);
    h.cancel();
  }
  CHECK(token.use_count() == 1);
}

TEST_CASE_FIXTURE(loop_fixture, "T-loop-03: a callback that cancels itself while it runs") {
  std::optional<handle> own;
  own = loop.call_soon([&, token = std::make_shared<int>(7)] {
    own->cancel();
    own.reset();
    say("still has", *token);
  });
  run_one_pass(loop);
  CHECK(say.take() == "still has7");
}

TEST_CASE_FIXTURE(both_clocks, "T-loop-04: a callback throws: reported, and those behind it run") {
  event_loop& l = loop_of_subcase(*this);
  const unsigned int line = __LINE__ + 1;
  l.call_soon([] { throw std::runtime_error("boom"); });
  l.call_soon([&] { say("behind"); });
  run_one_pass(l);
  CHECK(say.take() == "behind");
  const report r = take_report();
  CHECK(r.message.find("Exception in callback") == 0);
  CHECK(r.error == "boom");
  CHECK(r.line == line);
}

TEST_CASE_FIXTURE(both_clocks, "T-loop-05: stop lets the rest of the pass run, and no more") {
  event_loop& l = loop_of_subcase(*this);
  l.call_soon([&] {
    say("1");
    l.stop();
    l.call_soon([&] { say("queued after stop"); });
  });
  auto t = l.create_task([&] {
    say("task-1");
    yield();
    say("task-2");
  });
  l.call_soon([&] { say("2"); });
  l.run_forever();
  CHECK(say.take() == "1 task-1 2");
  CHECK_FALSE(l.is_running());
  run_one_pass(l);
  CHECK(say.take() == "queued after stop task-2");
  CHECK(t.done());
}

TEST_CASE_FIXTURE(both_clocks, "T-loop-06: stop before run_forever: one pass, and no waiting") {
  event_loop& l = loop_of_subcase(*this);
  auto timer = l.call_later(1h, [&] { say("timer"); });
  l.call_soon([&] {
    say("1");
    l.call_soon([&] { say("2"); });
  });
  run_one_pass(l);
  CHECK(say.take() == "1");
  run_one_pass(l);
  CHECK(say.take() == "2");
  run_one_pass(l);  // an empty queue and a timer far away: returns all the same
  CHECK(say.take().empty());
  CHECK(now() == 0);
  timer.cancel();
}

TEST_CASE_FIXTURE(both_clocks, "T-loop-07: stopped before the future is done: an error, and a later run goes on") {
  event_loop& l = loop_of_subcase(*this);
  auto t = l.create_task([&] {
    say("begun");
    give_up_passes(3);
    say("ended");
    return 42;
  });
  l.call_soon([&] { l.stop(); });
  CHECK(caught([&] { l.run_until_complete(t); }) == "usage_error");
  CHECK_FALSE(t.done());
  CHECK(say.take() == "begun");
  CHECK(l.run_until_complete(t) == 42);
  CHECK(say.take() == "ended");
}

TEST_CASE_FIXTURE(loop_fixture, "T-loop-08: a running loop cannot be closed") {
  std::string error;
  loop.call_soon([&] { error = caught([&] { loop.close(); }); });
  loop.call_soon([&] { say("goes on"); });
  run_one_pass(loop);
  CHECK(error == "usage_error");
  CHECK_FALSE(loop.is_closed());
  CHECK(say.take() == "goes on");
}

TEST_CASE_FIXTURE(both_clocks, "T-loop-08: closing drops callbacks and timers unrun; closing again does nothing") {
  event_loop& l = loop_of_subcase(*this);
  const auto token = std::make_shared<int>(0);
  l.call_soon([&, token] { say("callback"); });
  l.call_later(0s, [&, token] { say("due timer"); });
  l.call_later(1s, [&, token] { say("timer"); });
  l.call_soon_threadsafe([&, token] { say("threadsafe"); });
  std::thread([&] { l.call_soon_threadsafe([&, token] { say("from a thread"); }); }).join();
  const auto f = l.create_future<void>();
  f.add_done_callback([&, token] { say("done callback"); });
  f.set_result();
  CHECK(token.use_count() == 7);
  l.close();
  CHECK(l.is_closed());
  CHECK(token.use_count() == 1);
  l.close();
  CHECK(say.take().empty());
}

TEST_CASE_FIXTURE(loop_fixture, "T-loop-08: closing a loop with a closure that calls the loop when it is destroyed") {
  struct calls_back {
    event_loop& l;
    trace& says;
    calls_back(event_loop& on, trace& t) : l(on), says(t) {}
    ~calls_back() {
      says(caught([this] { l.call_soon([] {}); }));
    }
  };
  loop.call_soon([p = std::make_shared<calls_back>(loop, say)] {});
  loop.call_later(1s, [p = std::make_shared<calls_back>(loop, say)] {});
  loop.close();
  CHECK(say.take() == "usage_error usage_error");
}

TEST_CASE_FIXTURE(loop_fixture, "T-loop-09: everything on a closed loop is a usage_error") {
  const auto done = loop.create_future<int>();
  done.set_result(1);
  const auto pending = loop.create_future<int>();
  loop.close();
  bool began = false;
  const auto f = [&] { began = true; };
  CHECK(caught([&] { loop.call_soon(f); }) == "usage_error");
  CHECK(caught([&] { loop.call_later(1s, f); }) == "usage_error");
  CHECK(caught([&] { loop.call_at(time_point(1s), f); }) == "usage_error");
  CHECK(caught([&] { loop.call_soon_threadsafe(f); }) == "usage_error");
  CHECK(caught([&] { auto t = loop.create_task(f); }) == "usage_error");
  CHECK(caught([&] { loop.add_signal_handler(SIGUSR1, f); }) == "usage_error");
  CHECK(caught([&] { loop.run_forever(); }) == "usage_error");
  CHECK(caught([&] { loop.run_until_complete(f); }) == "usage_error");
  CHECK(caught([&] { loop.run_until_complete(pending); }) == "usage_error");
  CHECK(caught([&] { loop.run_until_complete(done); }) == "usage_error");
  CHECK(caught([&] { static_cast<void>(loop.create_future<int>()); }) == "usage_error");
  std::string from_a_thread;
  std::thread([&] { from_a_thread = caught([&] { loop.call_soon_threadsafe(f); }); }).join();
  CHECK(from_a_thread == "usage_error");
  CHECK_FALSE(began);
}

TEST_CASE_FIXTURE(loop_fixture, "T-loop-10: no loop runs inside a running loop, and what is offered never starts") {
  event_loop other(loop_options{.clock = &clock});
  bool began = false;
  const auto f = [&] { began = true; };
  const auto try_all = [&] {
    CHECK(caught([&] { loop.run_until_complete(f); }) == "usage_error");
    CHECK(caught([&] { other.run_until_complete(f); }) == "usage_error");
    CHECK(caught([&] { loop.run_forever(); }) == "usage_error");
    CHECK(caught([&] { other.run_forever(); }) == "usage_error");
  };
  auto t = loop.create_task([&] {
    const auto own = loop.create_future<void>();
    try_all();
    CHECK(caught([&] { loop.run_until_complete(own); }) == "usage_error");
    yield();
    CHECK(&get_running_loop() == &loop);
    return 1;
  });
  loop.call_soon(try_all);
  CHECK(loop.run_until_complete(t) == 1);
  other.run_until_complete([] { give_up_passes(5); });
  CHECK_FALSE(began);
}

TEST_CASE_FIXTURE(both_clocks, "T-loop-11: a task that spins starves no timer, no signal and no other thread") {
  event_loop& l = loop_of_subcase(*this);
  bool timer_fired = false;
  bool signal_arrived = false;
  bool called = false;
  l.add_signal_handler(SIGUSR1, [&] { signal_arrived = true; });
  std::thread other;
  l.run_until_complete([&] {
    l.call_later(1ms, [&] { timer_fired = true; });
    ::raise(SIGUSR1);
    other = std::thread([&] { l.call_soon_threadsafe([&] { called = true; }); });
    while (!timer_fired || !signal_arrived || !called) yield();
  });
  other.join();
  CHECK(timer_fired);
}

TEST_CASE_FIXTURE(both_clocks, "T-loop-11: a callback that queues itself for ever starves nothing either") {
  event_loop& l = loop_of_subcase(*this);
  bool stop = false;
  std::function<void()> spin = [&] {
    if (!stop) l.call_soon(spin);
  };
  l.call_soon(spin);
  std::thread other;
  l.run_until_complete([&] {
    sleep(1ms);
    say("timer");
    const future<> from_thread;
    other = std::thread([&] { l.call_soon_threadsafe([&] { from_thread.set_result(); }); });
    from_thread.await();
    say("thread");
    stop = true;
  });
  other.join();
  CHECK(say.take() == "timer thread");
}

TEST_CASE_FIXTURE(loop_fixture, "T-loop-12: run_until_complete with a future of another loop") {
  event_loop other(loop_options{.clock = &clock});
  const auto f = other.create_future<int>();
  CHECK(caught([&] { loop.run_until_complete(f); }) == "invalid_argument");
  CHECK_FALSE(f.done());
}

TEST_CASE_FIXTURE(both_clocks, "T-loop-13: after a fatal error no stop request and no callback of that run is left") {
  event_loop& l = loop_of_subcase(*this);
  const auto orphan = l.create_future<void>();
  l.call_soon([] { throw system_exit(3); });
  CHECK(caught([&] { l.run_until_complete(orphan); }) == "system_exit(3)");
  CHECK_FALSE(l.is_running());

  orphan.set_result();  // would stop this run, if the earlier one's callback were still there
  l.run_until_complete([&] {
    give_up_passes(5);
    say("went on");
  });
  CHECK(say.take() == "went on");

  CHECK(caught([&] {
          l.run_until_complete([&] {
            l.stop();
            throw system_exit(4);
          });
        }) == "system_exit(4)");
  l.run_until_complete([&] {
    give_up_passes(5);
    say("went on again");
  });
  CHECK(say.take() == "went on again");
}

// --- Errors of callbacks ---

TEST_CASE_FIXTURE(both_clocks, "T-exc-01: a done callback throws: reported; other callbacks, the awaiter and the loop go on") {
  event_loop& l = loop_of_subcase(*this);
  const auto f = l.create_future<int>();
  f.add_done_callback([&] {
    say("first");
    throw std::runtime_error("boom");
  });
  auto awaiter = l.create_task([&] { return f.await(); });
  f.add_done_callback([&] { say("second"); });
  run_one_pass(l);
  f.set_result(7);
  CHECK(l.run_until_complete(awaiter) == 7);
  CHECK(say.take() == "first second");
  CHECK(take_report_error() == "boom");
}

TEST_CASE_FIXTURE(loop_fixture, "T-exc-01: callbacks that throw no std::exception") {
  loop.call_soon([] { throw 42; });
  loop.call_soon([] { throw cancelled_error(); });
  loop.call_later(0s, [] { throw "text"; });
  loop.call_soon([&] { say("behind"); });
  run_one_pass(loop);
  run_one_pass(loop);
  CHECK(say.take() == "behind");
  REQUIRE(reports.size() == 3);
  CHECK(reports[0].error == "int 42");
  CHECK(reports[1].error == "cancelled_error");
  CHECK(reports[2].error == "something else");
  reports.clear();
}

TEST_CASE_FIXTURE(loop_fixture, "T-exc-02: a handler is used instead of printing, also by hand") {
  event_loop* seen = nullptr;
  loop.set_exception_handler([&](event_loop& l, const exception_context& c) {
    seen = &l;
    say(c.message);
    say(caught(c.exception));
    say(c.source);
  });
  loop.call_exception_handler({.message = "by hand", .exception = std::make_exception_ptr(std::runtime_error("boom")), .source = "test"});
  CHECK(seen == &loop);
  CHECK(say.take() == "by hand boom test");
}

TEST_CASE_FIXTURE(both_clocks, "T-exc-03: the handler itself throws: the loop survives") {
  event_loop& l = loop_of_subcase(*this);
  l.set_exception_handler([&](event_loop&, const exception_context&) {
    say("handler");
    throw std::runtime_error("the handler is broken");
  });
  captured_stderr output;
  l.call_soon([] { throw std::runtime_error("boom"); });
  l.call_soon([&] { say("behind"); });
  run_one_pass(l);
  CHECK(say.take() == "handler behind");
  CHECK(output.text().find("boom") != std::string::npos);
  CHECK(output.text().find("the handler is broken") != std::string::npos);
  l.call_exception_handler({.message = "by hand"});
  CHECK(say.take() == "handler");
  CHECK(output.text().find("by hand") != std::string::npos);
  watch(l);
}

TEST_CASE_FIXTURE(loop_fixture, "T-exc-02: without a handler errors are printed, with where they come from") {
  loop.set_exception_handler(nullptr);
  captured_stderr output;
  loop.call_soon([] { throw std::runtime_error("boom"); });
  loop.call_soon([] { throw 42; });
  run_one_pass(loop);
  const std::string text = output.text();
  CHECK(text.find("Exception in callback") != std::string::npos);
  CHECK(text.find("loop_test.cpp:") != std::string::npos);
  CHECK(text.find("std::runtime_error: boom") != std::string::npos);
  CHECK(text.find("int") != std::string::npos);
}

TEST_CASE_FIXTURE(both_clocks, "T-exc-04: a fatal error in a callback leaves at once; what is behind it stays queued") {
  event_loop& l = loop_of_subcase(*this);
  l.call_soon([&] { say("1"); });
  l.call_soon([] { throw system_exit(5); });
  l.call_soon([&] { say("2"); });
  auto t = l.create_task([&] { say("3"); });
  CHECK(caught([&] { l.run_forever(); }) == "system_exit(5)");
  CHECK(say.take() == "1");
  CHECK_FALSE(l.is_running());
  l.run_until_complete(t);
  CHECK(say.take() == "2 3");
}

TEST_CASE_FIXTURE(both_clocks, "T-exc-05: a fatal error in a task leaves the loop and is stored; its awaiter sees it later; no report") {
  event_loop& l = loop_of_subcase(*this);
  auto t = l.create_task([&] {
    yield();
    say("throws");
    throw system_exit(6);
  });
  auto awaiter = l.create_task([&] { say(caught([&] { t.await(); })); });
  l.call_soon([&] { l.call_soon([&] { say("behind"); }); });
  CHECK(caught([&] { l.run_forever(); }) == "system_exit(6)");
  CHECK(say.take() == "throws");
  CHECK(t.done());
  CHECK_FALSE(t.cancelled());
  l.run_until_complete(awaiter);
  CHECK(say.take() == "behind system_exit(6)");
}

TEST_CASE_FIXTURE(loop_fixture, "T-exc-05: run_until_complete throws the fatal error, and reports it to nobody else") {
  CHECK(caught([&] { loop.run_until_complete([] { throw system_exit(7); }); }) == "system_exit(7)");
  run_one_pass(loop);
  CHECK(reports.empty());
}

TEST_CASE_FIXTURE(loop_fixture, "a handler that throws a fatal error ends the run") {
  loop.set_exception_handler([](event_loop&, const exception_context&) { throw system_exit(8); });
  loop.call_soon([] { throw std::runtime_error("boom"); });
  loop.call_soon([&] { say("behind"); });
  CHECK(caught([&] { loop.run_forever(); }) == "system_exit(8)");
  CHECK(say.take().empty());
  run_one_pass(loop);
  CHECK(say.take() == "behind");
}

TEST_CASE_FIXTURE(loop_fixture, "a handler that replaces itself while it runs") {
  loop.set_exception_handler([this, token = std::make_shared<int>(7)](event_loop& l, const exception_context& c) {
    watch(l);
    say(c.message, *token);
  });
  loop.call_exception_handler({.message = "first"});
  CHECK(say.take() == "first7");
  loop.call_exception_handler({.message = "second"});
  CHECK(take_report().message == "second");
}

// --- Outside a loop ---

TEST_CASE("get_running_loop outside a loop") {
  CHECK(caught([] { static_cast<void>(get_running_loop()); }) == "usage_error");
}

TEST_CASE_FIXTURE(loop_fixture, "get_running_loop in callbacks and tasks, and not after the run") {
  loop.call_soon([&] { CHECK(&get_running_loop() == &loop); });
  loop.run_until_complete([&] { CHECK(&get_running_loop() == &loop); });
  CHECK(caught([] { static_cast<void>(get_running_loop()); }) == "usage_error");
}
