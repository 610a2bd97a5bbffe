// SPDX-License-Identifier: BSL-1.0
#include <nakh/stackless/task.hpp>

#include "support/captured_stderr.hpp"
#include "support/coroutines.hpp"
#include "support/fixture.hpp"
#include "support/in_valgrind.hpp"

#include <nakh/context_var.hpp>
#include <nakh/debug.hpp>
#include <nakh/event.hpp>
#include <nakh/gather.hpp>
#include <nakh/inspect.hpp>
#include <nakh/lowlevel.hpp>
#include <nakh/mutex.hpp>
#include <nakh/queue.hpp>
#include <nakh/stackless.hpp>
#include <nakh/testing.hpp>
#include <nakh/threadsafe.hpp>
#include <nakh/timeout.hpp>

#include <coroutine>
#include <functional>
#include <memory>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace nakh;
using namespace nakh::test;
using namespace std::chrono_literals;

namespace {

bool says(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

co<int> number(int n) { co_return n; }
co<int> number_later(int n, delay d) {
  co_await stackless::sleep(d);
  co_return n;
}
co<> nothing() { co_return; }
co<> sleeps(delay d) { co_await stackless::sleep(d); }
co<> awaits(future<> f) { co_await f; }

template <class Error>
co<> throws(Error error) {
  throw error;
  co_return;
}

/// Says when it is cancelled, and goes on being so.
co<> tells_cancellation(trace& say, std::string name, delay d) {
  try {
    co_await stackless::sleep(d);
    say(name + " ended");
  } catch (const cancelled_error& e) {
    say(name + " " + e.reason());
    throw;
  }
}

/// Ends normally when it is cancelled, after `passes` more turns.
co<int> swallows(trace& say, int passes) {
  say(co_await caught_in([] { return stackless::sleep(1h); }));
  for (int i = 0; i < passes; ++i) co_await stackless::yield();
  co_return 5;
}

/// Somebody else's awaitable, which knows no task: whoever has the handle resumes it.
struct foreign_wait {
  std::coroutine_handle<>& handle;
  [[nodiscard]] bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> self) const noexcept { handle = self; }
  void await_resume() const noexcept {}
};
/// The same, of which `Suspend` is the `await_suspend`, and `Resume` the `await_resume`.
template <class Suspend, class Resume>
struct foreign_call {
  Suspend suspend;
  Resume result;
  [[nodiscard]] bool await_ready() const noexcept { return false; }
  auto await_suspend(std::coroutine_handle<> self) { return suspend(self); }
  decltype(auto) await_resume() { return result(); }
};
template <class Suspend, class Resume>
foreign_call(Suspend, Resume) -> foreign_call<Suspend, Resume>;
template <class Suspend>
auto foreign(Suspend suspend) {
  return foreign_call{suspend, [] {}};
}

/// Somebody else's coroutine, which is itself the awaitable: it starts when it is awaited, and resumes who awaits it at its end.
struct foreign_coroutine {
  struct promise_type {
    std::coroutine_handle<> continuation;
    foreign_coroutine get_return_object() noexcept { return foreign_coroutine(std::coroutine_handle<promise_type>::from_promise(*this)); }
    [[nodiscard]] std::suspend_always initial_suspend() const noexcept { return {}; }
    [[nodiscard]] auto final_suspend() const noexcept {
      struct ending {
        [[nodiscard]] bool await_ready() const noexcept { return false; }
        [[nodiscard]] std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> self) const noexcept {
          return self.promise().continuation;
        }
        void await_resume() const noexcept {}
      };
      return ending();
    }
    void unhandled_exception() const noexcept { std::terminate(); }
    void return_void() const noexcept {}
  };
  explicit foreign_coroutine(std::coroutine_handle<promise_type> h) noexcept : handle(h) {}
  foreign_coroutine(foreign_coroutine&& other) noexcept : handle(std::exchange(other.handle, nullptr)) {}
  foreign_coroutine& operator=(foreign_coroutine&&) = delete;
  ~foreign_coroutine() {
    if (handle) handle.destroy();
  }
  [[nodiscard]] bool await_ready() const noexcept { return false; }
  [[nodiscard]] std::coroutine_handle<> await_suspend(std::coroutine_handle<> self) const noexcept {
    handle.promise().continuation = self;
    return handle;
  }
  void await_resume() const noexcept {}
  std::coroutine_handle<promise_type> handle;
};

/// A wait of one's own.
struct bell : lowlevel::wait_op {
  explicit bell(std::vector<lowlevel::waker>& w) : wakers(w) {
    static constexpr lowlevel::wait_kind rings = {[](wait_op& self) noexcept {
                                                    auto& b = static_cast<bell&>(self);
                                                    b.cancelled = true;
                                                    return b.sleeper.wake();
                                                  },
                                                  "bell"};
    kind = &rings;
  }
  [[nodiscard]] bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> self) {
    sleeper = lowlevel::waker::for_next_park();
    wakers.push_back(sleeper);
    detail::suspend_in(*this, self);
  }
  void await_resume() const {
    detail::resume_after_wait();
    if (cancelled) lowlevel::throw_cancelled();
  }
  lowlevel::waker sleeper;
  bool cancelled = false;
  std::vector<lowlevel::waker>& wakers;
};

}  // namespace

// --- Results ---

TEST_CASE_FIXTURE(fixture, "run gives the result of a coroutine, whatever its type") {
  CHECK(run(number(7)) == 7);
  run(nothing());
  const auto text = [](std::string s) -> co<std::string> { co_return s + "!"; };
  CHECK(run(text("hello")) == "hello!");
  const auto owner = []() -> co<std::unique_ptr<int>> { co_return std::make_unique<int>(3); };
  CHECK(*run(owner()) == 3);
  CHECK(stackless::run(number(8)) == 8);
  CHECK(stackless::run(run_options{.clock = &clock}, number_later(9, 2s)) == 9);
  CHECK(now() == 2000);
}

TEST_CASE_FIXTURE(fixture, "a result may be a reference, to a variable or to a base of it") {
  struct base {
    int value = 1;
  };
  struct derived : base {};
  derived there;
  const auto get = [](derived& d) -> co<base&> { co_return d; };
  const auto get_const = [](const derived& d) -> co<const derived&> {
    co_await stackless::yield();
    co_return d;
  };
  const auto main = [&]() -> co<> {
    base& got = co_await get(there);
    CHECK(&got == &there);
    const derived& same = co_await get_const(there);
    CHECK(&same == &there);
    auto t = stackless::spawn(get(there));
    base& third = co_await t;
    CHECK(&third == &there);
    CHECK(&t.result() == &there);
  };
  run(main());
  run([&] { CHECK(&nakh::await(get(there)) == &there); });
}

TEST_CASE_FIXTURE(fixture, "what a coroutine returns is converted, and may be made from a list") {
  struct pair {
    int a;
    std::string b;
  };
  const auto make = []() -> co<pair> { co_return pair{.a = 4, .b = "x"}; };
  const auto convert = []() -> co<std::string> { co_return "from a pointer"; };
  const auto widen = []() -> co<std::optional<long>> { co_return 5; };
  const auto main = [&]() -> co<> {
    const pair p = co_await make();
    CHECK(p.b == "x");
    const std::string s = co_await convert();
    CHECK(s == "from a pointer");
    const auto w = co_await widen();
    CHECK(w == 5);
  };
  run(main());
}

TEST_CASE_FIXTURE(fixture, "a result that throws when it is moved is that error, at whatever move") {
  struct brittle {
    explicit brittle(int m) : moves_left(m) {}
    brittle(brittle&& other) : moves_left(other.moves_left - 1) {
      if (moves_left < 0) throw std::runtime_error("moved once too often");
    }
    brittle& operator=(brittle&&) = delete;
    int moves_left;
  };
  const auto make = [](int moves) -> co<brittle> { co_return brittle(moves); };
  int failed = 0;
  for (int moves = 0; moves < 8; ++moves) {
    const auto main = [&]() -> co<> {
      auto t = stackless::spawn(make(moves));
      try {
        const brittle b = co_await std::move(t);
        static_cast<void>(b);
      } catch (const std::runtime_error&) {
        ++failed;
      }
      try {
        const brittle b = co_await make(moves);
        static_cast<void>(b);
      } catch (const std::runtime_error&) {
        ++failed;
      }
    };
    run(main());
    run([&] { failed += caught([&] { static_cast<void>(nakh::await(make(moves))); }) != "nothing"; });
  }
  CHECK(failed >= 3);
  CHECK(failed < 16);
}

TEST_CASE_FIXTURE(fixture, "a move-only result of a task can be had once") {
  const auto make = []() -> co<std::unique_ptr<int>> { co_return std::make_unique<int>(3); };
  const auto main = [&]() -> co<> {
    auto t = stackless::spawn(make());
    const auto first = co_await t;
    CHECK(*first == 3);
    say(co_await caught_in([&] { return t; }));
    say(caught([&] { static_cast<void>(t.result()); }));
  };
  run(main());
  CHECK(say.take() == "invalid_state_error invalid_state_error");
}

// --- Errors ---

TEST_CASE_FIXTURE(fixture, "an error goes up through ten coroutines, each with a cleanup, and arrives as it was thrown") {
  static int depth_seen;
  depth_seen = 0;
  struct level {
    ~level() { ++depth_seen; }
  };
  struct recursive {
    static co<int> down(int depth, bool waits) {
      const level here;
      if (depth == 0) {
        if (waits) co_await stackless::yield();
        throw std::out_of_range("at the bottom");
      }
      const int below = co_await down(depth - 1, waits);
      co_return below + 1;
    }
  };
  for (const bool waits : {false, true}) {
    CHECK(caught([&] { run(recursive::down(10, waits)); }) == "at the bottom");
    CHECK(depth_seen == 11);
    run([&] { CHECK(caught([&] { nakh::await(recursive::down(10, waits)); }) == "at the bottom"); });
    CHECK(depth_seen == 22);
    depth_seen = 0;
  }
}

TEST_CASE_FIXTURE(fixture, "errors that are no std::exception") {
  const auto main = [&]() -> co<> {
    say(co_await caught_in([] { return throws(7); }));
    say(co_await caught_in([] { return stackless::spawn(throws(8)); }));
    say(co_await caught_in([] { return throws(std::string("text")); }));
    say(co_await caught_in([] { return throws(cancelled_error()); }));
  };
  run(main());
  CHECK(say.take() == "int 7 int 8 something else cancelled_error");
  CHECK(caught([&] { run(throws(9)); }) == "int 9");
}

TEST_CASE_FIXTURE(fixture, "a coroutine that throws cancelled_error itself is cancelled") {
  const auto main = [&]() -> co<> {
    auto t = stackless::spawn(throws(cancelled_error()));
    say(co_await caught_in([&] { return t; }));
    CHECK(t.cancelled());
  };
  run(main());
  CHECK(say.take() == "cancelled_error");
}

TEST_CASE_FIXTURE(loop_fixture, "a fatal error leaves the run at once, from a task that nobody awaits too, and is kept in the task") {
  std::optional<task<>> fatal;
  const auto main = [&]() -> co<> {
    fatal = stackless::spawn(throws(system_exit(3)));
    say(co_await caught_in([] { return stackless::sleep(1s); }));
  };
  CHECK(caught([&] { loop.run_until_complete(main()); }) == "system_exit(3)");
  CHECK(fatal->done());
  CHECK(caught([&] { fatal->result(); }) == "system_exit(3)");
  CHECK(caught([&] { loop.run_until_complete(throws(keyboard_interrupt())); }) == "keyboard_interrupt");
  loop.run_until_complete(sleeps(2s));
  CHECK(say.take() == "nothing");
}

TEST_CASE_FIXTURE(fixture, "a fatal error that is awaited in the same task can be caught") {
  const auto main = [&]() -> co<> { say(co_await caught_in([] { return throws(system_exit(4)); })); };
  run(main());
  CHECK(say.take() == "system_exit(4)");
  CHECK(caught([&] { run(throws(system_exit(5))); }) == "system_exit(5)");
}

TEST_CASE_FIXTURE(fixture, "an error that nobody retrieves is reported, with the task's name and where it was made") {
  const auto main = [&]() -> co<> {
    static_cast<void>(stackless::spawn({.name = "forgotten"}, throws(std::runtime_error("boom"))));
    co_await stackless::yield();
    co_await stackless::yield();
  };
  run(main());
  const report r = take_report();
  CHECK(r.error == "boom");
  CHECK(r.source == "forgotten");
  CHECK(r.line != 0);
}

TEST_CASE_FIXTURE(fixture, "one that somebody has asked for is not") {
  const auto main = [&]() -> co<> {
    auto t = stackless::spawn(throws(std::runtime_error("boom")));
    co_await stackless::sleep(1s);
    CHECK(caught(t.exception()) == "boom");
    auto u = stackless::spawn(throws(std::runtime_error("bang")));
    say(co_await caught_in([&] { return u; }));
  };
  run(main());
  CHECK(say.take() == "bang");
}

// --- Frames ---

TEST_CASE_FIXTURE(fixture, "a coroutine that is dropped never ran; its parameters are destroyed once") {
  object_count objects;
  const auto body = [&](counted parameter) -> co<> {
    say("must not run");
    static_cast<void>(parameter);
    co_return;
  };
  {
    const co<> dropped = body(counted(objects));
    CHECK(objects.alive == 1);
  }
  CHECK(objects.alive == 0);
  co<> assigned = body(counted(objects));
  assigned = body(counted(objects));
  CHECK(objects.alive == 1);
  co<> moved = std::move(assigned);
  CHECK(objects.alive == 1);
  run(std::move(moved));
  CHECK(objects.alive == 0);
  CHECK(say.take() == "must not run");
}

TEST_CASE_FIXTURE(fixture, "parameters and locals are destroyed once, before the result is had, however it ends") {
  object_count objects;
  const auto body = [&](counted parameter, int how) -> co<int> {
    const counted local = parameter;
    if (how == 1) throw std::runtime_error("early");
    co_await stackless::sleep(1s);
    const counted late = local;
    if (how == 2) throw std::runtime_error("late");
    co_return how;
  };
  for (int how = 0; how < 3; ++how) {
    const auto main = [&]() -> co<> {
      try {
        co_await body(counted(objects), how);
      } catch (const std::runtime_error&) {
      }
      CHECK(objects.alive == 0);
      auto t = stackless::spawn(body(counted(objects), how));
      co_await caught_in([&] { return t; });
      CHECK(t.done());
      CHECK(objects.alive == 0);
      auto cancelled = stackless::spawn(body(counted(objects), how));
      co_await stackless::yield();
      CHECK(objects.alive == (how == 1 ? 0 : 2));
      cancelled.cancel();
      co_await caught_in([&] { return cancelled; });
      CHECK(objects.alive == 0);
      auto never = stackless::spawn(body(counted(objects), how));
      never.cancel();
      co_await caught_in([&] { return never; });
      CHECK(never.cancelled());
      CHECK(objects.alive == 0);
    };
    run(main());
    run([&] {
      caught([&] { nakh::await(body(counted(objects), how)); });
      CHECK(objects.alive == 0);
    });
  }
  CHECK(objects.alive == 0);
  CHECK(objects.made > 10);
}

TEST_CASE_FIXTURE(fixture, "a parameter that cannot be copied into the frame: the error is the caller's") {
  struct hostile {
    hostile() = default;
    hostile(const hostile&) { throw std::runtime_error("no copy"); }
    hostile& operator=(const hostile&) = delete;
  };
  const auto body = [](hostile h) -> co<> {
    static_cast<void>(h);
    co_return;
  };
  const hostile h;
  CHECK(caught([&] { const co<> c = body(h); }) == "no copy");
}

TEST_CASE_FIXTURE(fixture, "a task that never began when its loop is closed: its frame goes, and it is reported") {
  object_count objects;
  const auto body = [&](counted parameter) -> co<> {
    static_cast<void>(parameter);
    say("must not run");
    co_return;
  };
  {
    event_loop loop(loop_options{.clock = &clock});
    watch(loop);
    auto kept = loop.create_task({.name = "kept"}, body(counted(objects)));
    auto dropped = std::optional(loop.create_task({.name = "dropped"}, body(counted(objects))));
    dropped.reset();
    CHECK(objects.alive == 2);
    loop.close();
    CHECK(objects.alive == 0);
    CHECK(kept.cancelled());
    check_nothing_left(loop);
  }
  REQUIRE(reports.size() == 2);
  CHECK(reports[0].message == "Task was destroyed but it is pending");
  CHECK(reports[0].source == "kept");
  CHECK(reports[1].source == "dropped");
  reports.clear();
  CHECK(say.take().empty());
}

TEST_CASE_FIXTURE(fixture, "coroutines that are left over at the end of run are cancelled, and their cleanup may wait") {
  object_count objects;
  const auto left = [&](counted parameter, std::string name) -> co<> {
    const counted local = parameter;
    try {
      co_await stackless::sleep(1h);
    } catch (const cancelled_error&) {
      say(name);
      throw;
    }
  };
  const auto slow = [&](counted parameter) -> co<> {
    bool cancelled = false;
    try {
      co_await left(std::move(parameter), "inner");
    } catch (const cancelled_error&) {
      cancelled = true;
    }
    co_await stackless::sleep(2s);
    say("slow");
    if (cancelled) throw cancelled_error();
  };
  const auto main = [&]() -> co<> {
    static_cast<void>(stackless::spawn(left(counted(objects), "first")));
    static_cast<void>(stackless::spawn(slow(counted(objects))));
    co_await stackless::yield();
    static_cast<void>(stackless::spawn(left(counted(objects), "last")));
    co_return;
  };
  run(main());
  CHECK(say.take() == "first inner last slow");
  CHECK(now() == 2000);
  CHECK(objects.alive == 0);
}

TEST_CASE_FIXTURE(fixture, "an error of a coroutine that is cancelled at the end of run is reported") {
  const auto left = [&]() -> co<> {
    try {
      co_await stackless::sleep(1h);
    } catch (const cancelled_error&) {
      throw std::runtime_error("in cleanup");
    }
  };
  const auto main = [&]() -> co<> {
    static_cast<void>(stackless::spawn({.name = "left"}, left()));
    co_await stackless::yield();
  };
  run(main());
  const report r = take_report();
  CHECK(r.error == "in cleanup");
  CHECK(r.source == "left");
}

TEST_CASE_FIXTURE(fixture, "a coroutine that cannot be stopped outlasts neither run nor close") {
  object_count objects;
  const auto stubborn = [&](counted parameter) -> co<> {
    static_cast<void>(parameter);
    for (int i = 0; i < 5; ++i) say(co_await caught_in([] { return stackless::sleep(1s); }));
  };
  {
    event_loop loop(loop_options{.clock = &clock});
    watch(loop);
    static_cast<void>(loop.create_task(stubborn(counted(objects))));
    loop.call_soon([&] { loop.stop(); });
    loop.run_forever();
    loop.close();
    check_nothing_left(loop);
  }
  CHECK(take_report().message == "Task was destroyed but it is pending");
  CHECK(objects.alive == 0);
  CHECK(say.take() == "cancelled_error cancelled_error cancelled_error cancelled_error cancelled_error");
}

TEST_CASE_FIXTURE(fixture, "parameters whose destructors make tasks and ask who runs") {
  struct spawner {
    explicit spawner(trace& t) noexcept : say(&t) {}
    spawner(spawner&& other) noexcept : say(std::exchange(other.say, nullptr)) {}
    spawner& operator=(spawner&&) = delete;
    ~spawner() {
      if (say == nullptr) return;
      static_cast<void>(current_task());
      static_cast<void>(async([s = say] { (*s)("fiber"); }));
      static_cast<void>(stackless::spawn(tells_cancellation(*say, "coroutine", 0s)));
    }
    trace* say;
  };
  const auto body = [](spawner s) -> co<> {
    static_cast<void>(s);
    co_return;
  };
  for (const bool eager : {false, true}) {
    const auto main = [&]() -> co<> {
      get_running_loop().set_eager_start(eager);
      static_cast<void>(stackless::spawn(body(spawner(say))));
      co_await stackless::sleep(1s);
    };
    run(main());
    CHECK(say.take() == "fiber coroutine ended");
    run([&] {
      get_running_loop().set_eager_start(eager);
      nakh::await(body(spawner(say)));
      sleep(1s);
    });
    CHECK(say.take() == "fiber coroutine ended");
  }
}

TEST_CASE_FIXTURE(fixture, "a parameter's destructor that would have its coroutine wait, which has ended, is told that none runs") {
  struct eager {
    struct promise_type {
      trace* say = nullptr;
      explicit promise_type(trace& t) noexcept : say(&t) {}
      eager get_return_object() noexcept { return {}; }
      std::suspend_never initial_suspend() noexcept { return {}; }
      std::suspend_never final_suspend() noexcept { return {}; }
      void return_void() noexcept {}
      void unhandled_exception() noexcept {
        try {
          throw;
        } catch (const usage_error&) {
          (*say)("refused");
        }
      }
    };
  };
  struct waiter {
    explicit waiter(trace& t) noexcept : say(&t) {}
    waiter(waiter&& other) noexcept : say(std::exchange(other.say, nullptr)) {}
    waiter& operator=(waiter&&) = delete;
    ~waiter() {
      if (say == nullptr) return;
      wait(*say);
    }
    static eager wait(trace& /*say*/) { co_await stackless::sleep(1s); }
    trace* say;
  };
  const auto body = [](waiter w) -> co<> {
    static_cast<void>(w);
    co_return;
  };
  const auto main = [&]() -> co<> {
    const auto other = stackless::spawn(sleeps(2s));
    co_await stackless::spawn(body(waiter(say)));
    co_await other;
  };
  run(main());
  CHECK(say.take() == "refused");
}

// --- Cancellation ---

TEST_CASE_FIXTURE(fixture, "cancelled before it began, nothing of the coroutine runs; cancelled when done is refused") {
  const auto main = [&]() -> co<> {
    auto t = stackless::spawn(tells_cancellation(say, "t", 0s));
    CHECK(t.cancel("early"));
    CHECK_FALSE(t.done());
    say(co_await caught_in([&] { return t; }));
    CHECK(t.cancelled());
    CHECK_FALSE(t.cancel());
    CHECK(t.cancelling() == 1);
  };
  run(main());
  CHECK(say.take() == "cancelled_error(early)");
}

TEST_CASE_FIXTURE(fixture, "cancelled twice, uncancelled, and a cancellation that is swallowed") {
  const auto main = [&]() -> co<> {
    auto twice = stackless::spawn(swallows(say, 3));
    co_await stackless::yield();
    CHECK(twice.cancel());
    CHECK(twice.cancel());
    CHECK(twice.cancelling() == 2);
    const int five = co_await twice;
    CHECK(five == 5);
    CHECK_FALSE(twice.cancelled());

    const auto again = [&]() -> co<> {
      for (int i = 0; i < 3; ++i) say(co_await caught_in([] { return stackless::sleep(1h); }));
    };
    auto each = stackless::spawn(again());
    co_await stackless::yield();
    for (int i = 1; i <= 3; ++i) {
      each.cancel(std::to_string(i));
      co_await stackless::yield();
    }
    CHECK(each.done());
    CHECK_FALSE(each.cancelled());

    const auto yields = [&]() -> co<> { say(co_await caught_in([] { return stackless::yield(); })); };
    auto taken_back = stackless::spawn(yields());
    co_await stackless::yield();
    taken_back.cancel();
    CHECK(taken_back.uncancel() == 0);
    co_await taken_back;
    auto not_begun = stackless::spawn(yields());
    not_begun.cancel();
    not_begun.uncancel();
    co_await not_begun;
    auto delivered = stackless::spawn(yields());
    co_await stackless::yield();
    delivered.cancel();
    delivered.cancel();
    CHECK(delivered.uncancel() == 1);
    co_await delivered;
  };
  run(main());
  CHECK(say.take() == "cancelled_error cancelled_error(1) cancelled_error(2) cancelled_error(3) nothing nothing cancelled_error");
}

TEST_CASE_FIXTURE(fixture,
                  "a coroutine that cancels itself gets that at its next suspension; returning, it ends cancelled and its value goes") {
  const auto value = std::make_shared<int>(3);
  const auto main = [&]() -> co<> {
    const auto at_wait = [&](int where) -> co<> {
      current_task().cancel("self");
      say("runs on");
      const future<> pending;
      switch (where) {
        case 0:
          say(co_await caught_in([] { return stackless::sleep(1h); }));
          break;
        case 1:
          say(co_await caught_in([] { return stackless::yield(); }));
          break;
        case 2:
          say(co_await caught_in([&] { return pending; }));
          CHECK(pending.cancelled());
          break;
        default:
          say(co_await caught_in([] { return stackless::sleep_until(time_point{}); }));
      }
      co_await stackless::yield();
      say("once");
    };
    for (int where = 0; where < 4; ++where) co_await stackless::spawn(at_wait(where));
    const auto returns = [](std::shared_ptr<int> v) -> co<std::shared_ptr<int>> {
      current_task().cancel();
      co_return v;
    };
    auto lost = stackless::spawn(returns(value));
    say(co_await caught_in([&] { return lost; }));
    CHECK(lost.cancelled());
    CHECK(value.use_count() == 1);
  };
  run(main());
  CHECK(now() == 0);
  const std::string each = "runs on cancelled_error(self) once ";
  CHECK(say.take() == each + each + each + each + "cancelled_error");
}

TEST_CASE_FIXTURE(fixture, "what need not wait delivers no cancellation") {
  const auto main = [&]() -> co<> {
    const future<int> ready;
    ready.set_result(1);
    const auto t = [&]() -> co<> {
      current_task().cancel();
      const int one = co_await ready;
      const int two = co_await number(2);
      co_await stackless::gather(ready);
      mutex m;
      const auto hold = co_await stackless::hold(m);
      CHECK(one + two == 3);
      say("not yet");
      say(co_await caught_in([] { return stackless::yield(); }));
    };
    co_await stackless::spawn(t());
  };
  run(main());
  CHECK(say.take() == "not yet cancelled_error");
}

TEST_CASE_FIXTURE(fixture, "to cancel who awaits a task cancels that first, through fibers and coroutines, and waits for its cleanup") {
  const auto main = [&]() -> co<> {
    auto inner = stackless::spawn(tells_cancellation(say, "inner", 1h));
    auto fiber = async([&, inner] {
      try {
        inner.await();
      } catch (const cancelled_error& e) {
        say("fiber " + e.reason());
        sleep(2s);
        throw;
      }
    });
    const auto outer_body = [&](task<> t) -> co<> {
      try {
        co_await t;
      } catch (const cancelled_error& e) {
        say("outer " + e.reason());
        throw;
      }
    };
    auto outer = stackless::spawn(outer_body(fiber));
    co_await stackless::yield();
    co_await stackless::yield();
    outer.cancel("why");
    CHECK(inner.cancelling() == 1);
    CHECK(fiber.cancelling() == 1);
    say(co_await caught_in([&] { return outer; }));
    CHECK(now() == 2000);
  };
  run(main());
  CHECK(say.take() == "inner why fiber why outer why cancelled_error(why)");
}

TEST_CASE_FIXTURE(fixture, "a result is there, and the awaiter is cancelled before it goes on: cancelled; the other one gets it") {
  const auto main = [&]() -> co<> {
    const future<int> f;
    const auto waits = [](future<int> of) -> co<int> { co_return co_await of; };
    auto first = stackless::spawn(waits(f));
    auto second = stackless::spawn(waits(f));
    auto third = async([f] { return f.await(); });
    co_await stackless::yield();
    f.set_result(3);
    CHECK(first.cancel());
    say(co_await caught_in([&] { return first; }));
    const int got = co_await second;
    const int other = co_await third;
    CHECK(got + other == 6);
  };
  run(main());
  CHECK(say.take() == "cancelled_error");
}

TEST_CASE_FIXTURE(fixture, "tasks that wait for each other: a cancellation breaks the circle") {
  const auto main = [&]() -> co<> {
    std::vector<task<>> all;
    const auto body = [&](std::size_t next) -> co<> {
      co_await stackless::yield();
      co_await all[next];
    };
    all.push_back(stackless::spawn(body(1)));
    all.push_back(async([&] {
      yield();
      all[2].await();
    }));
    all.push_back(stackless::spawn(body(0)));
    co_await stackless::sleep(1s);
    all[0].cancel();
    co_await stackless::wait(all);
    for (const auto& t : all) CHECK(t.cancelled());
  };
  run(main());
}

TEST_CASE_FIXTURE(fixture, "cancelled at each suspension, once and twice, in several orders: nothing is left and each frame goes") {
  struct world {
    object_count objects;
    mutex m;
    queue<int> q{1};
    int done = 0;
  };
  struct parts {
    static co<> leaf(world& w, counted c, int depth) {
      const counted local = c;
      if (depth > 0) {
        co_await leaf(w, local, depth - 1);
        co_return;
      }
      co_await stackless::sleep(1ms);
      const auto hold = co_await stackless::hold(w.m);
      co_await stackless::yield();
    }
    static co<> produce(world& w, counted c) {
      for (int i = 0; i < 3; ++i) co_await stackless::put(w.q, i);
      static_cast<void>(c);
    }
    static co<> play(world& w) {
      auto a = stackless::spawn(leaf(w, counted(w.objects), 3));
      auto b = stackless::spawn(leaf(w, counted(w.objects), 0));
      auto p = stackless::spawn(produce(w, counted(w.objects)));
      p.add_done_callback([&w] { w.q.shutdown(); });
      bool failed = false;
      try {
        for (int i = 0; i < 3; ++i) static_cast<void>(co_await stackless::get(w.q));
        co_await stackless::gather(a, b, p);
      } catch (const queue_shut_down&) {
      } catch (const cancelled_error&) {
        failed = true;
      }
      for (const auto& t : {a, b, p}) t.cancel();
      co_await stackless::gather(return_exceptions, a, b, p);
      if (failed) throw cancelled_error();
      ++w.done;
    }
  };
  const auto scenario = [](world& w) { nakh::await(stackless::spawn(parts::play(w))); };
  const auto in_fiber = [](world& w) { nakh::await(parts::play(w)); };
  const auto check = [](world& w) {
    if (w.objects.alive != 0) throw std::logic_error("an object is left");
    if (w.m.locked() || !w.m.try_lock()) throw std::logic_error("the mutex is not free");
    w.m.unlock();
  };
  const std::uint64_t orders = in_valgrind() ? 1 : 4;
  for (std::uint64_t seed = 0; seed < orders; ++seed) {
    for (const bool twice : {false, true}) {
      testing::cancel_options options{.each_task = true, .twice = twice};
      if (seed != 0) options.seed = seed;
      const auto done = testing::cancel_everywhere<world>(options, scenario, check);
      CHECK(done.runs > 20);
      testing::cancel_everywhere<world>(options, in_fiber, check);
    }
  }
  const auto explored = testing::explore<world>({.seeds = in_valgrind() ? 10U : 50U, .late_turns = true}, scenario, [](world& w) {
    if (w.done != 1) throw std::logic_error("it did not end");
  });
  CHECK(explored.steps > explored.runs);
}

TEST_CASE_FIXTURE(fixture, "what explore and cancel_everywhere say of a coroutine that does not bear it") {
  struct parts {
    static co<> forgets(mutex& m) {
      co_await stackless::lock(m);
      co_await stackless::sleep(1ms);
      m.unlock();
    }
    static co<> waits(event& e) { co_await stackless::wait(e); }
  };
  try {
    testing::cancel_everywhere<mutex>(
        {.each_task = true}, [](mutex& m) { stackless::spawn({.name = "careless"}, parts::forgets(m)).await(); },
        [](mutex& m) {
          if (m.locked()) throw std::logic_error("still locked");
        });
    FAIL("it was not found");
  } catch (const testing::cancellation_failed& e) {
    CHECK(e.wait() == "future");
    CHECK(says(e.what(), "still locked"));
  }
  try {
    testing::explore<event>({.seeds = 1}, [](event& e) { stackless::spawn({.name = "lonely"}, parts::waits(e)).await(); }, [](event&) {});
    FAIL("it was not found");
  } catch (const testing::exploration_failed& e) {
    CHECK(says(e.what(), "task 'lonely' (event)"));
  }
}

// --- Starting at once ---

TEST_CASE_FIXTURE(fixture, "a coroutine that starts eagerly, from a fiber, a callback and a coroutine") {
  const auto quick = [&]() -> co<int> {
    say(current_task().get_name());
    co_return 7;
  };
  const auto slow = [&]() -> co<> {
    say("begun");
    co_await stackless::yield();
    say("ended");
  };
  const task_options eagerly{.name = "eager", .eager_start = true};
  run([&] {
    const any_task creator = current_task();
    auto q = stackless::spawn(eagerly, quick());
    CHECK(q.done());
    CHECK(q.result() == 7);
    CHECK(current_task() == creator);
    auto s = stackless::spawn(eagerly, slow());
    say("created");
    CHECK(current_task() == creator);
    s.await();
    sleep(1s);
    std::optional<task<>> made;
    get_running_loop().call_soon([&] {
      CHECK_FALSE(current_task());
      CHECK(stackless::spawn(eagerly, quick()).done());
      made = stackless::spawn(eagerly, slow());
      CHECK_FALSE(current_task());
      say("callback");
    });
    yield();
    made->await();
  });
  CHECK(say.take() == "eager begun created ended eager begun callback ended");
  const auto main = [&]() -> co<> {
    get_running_loop().set_eager_start(true);
    const any_task creator = current_task();
    CHECK(stackless::spawn(quick()).done());
    CHECK(current_task() == creator);
    auto s = stackless::spawn({.name = "s"}, slow());
    say("created");
    CHECK(current_task() == creator);
    co_await s;
  };
  run(main());
  CHECK(say.take().substr(0, 4) == "Task");
}

TEST_CASE_FIXTURE(fixture, "fibers and coroutines that start each other eagerly, to any depth, from whatever is the first") {
  struct parts {
    static co<int> coroutine(trace& say, int depth, bool waits) {
      say("c", depth);
      if (depth == 0) {
        if (waits) co_await stackless::yield();
        co_return 0;
      }
      auto next = depth % 2 == 0 ? stackless::spawn(coroutine(say, depth - 1, waits))
                                 : async([&say, depth, waits] { return fiber(say, depth - 1, waits); });
      say("back", depth);
      CHECK(next.done() == !waits);
      const int below = co_await next;
      co_return below + 1;
    }
    static int fiber(trace& say, int depth, bool waits) {
      say("f", depth);
      if (depth == 0) {
        if (waits) yield();
        return 0;
      }
      auto next = depth % 3 == 0 ? async([&say, depth, waits] { return fiber(say, depth - 1, waits); })
                                 : stackless::spawn(coroutine(say, depth - 1, waits));
      say("back", depth);
      CHECK(next.done() == !waits);
      return next.await() + 1;
    }
  };
  for (const bool waits : {false, true}) {
    const auto main = [&]() -> co<> {
      get_running_loop().set_eager_start(true);
      const int depth = co_await stackless::spawn(parts::coroutine(say, 9, waits));
      CHECK(depth == 9);
    };
    run(main());
    CHECK(says(say.take(), "f0 back1 back2"));
    run([&] {
      get_running_loop().set_eager_start(true);
      CHECK(parts::fiber(say, 9, waits) == 9);
      CHECK(say.take().substr(0, 8) == "f9 f8 c7");
      std::optional<task<int>> made;
      get_running_loop().call_soon([&] { made = stackless::spawn(parts::coroutine(say, 9, waits)); });
      yield();
      CHECK(made->await() == 9);
      CHECK(says(say.take(), "c9 f8"));
    });
  }
}

TEST_CASE_FIXTURE(fixture, "an eager coroutine on a fiber's stack: the fiber goes on before all that was ready, and who runs stays right") {
  const auto eager = [&]() -> co<> {
    get_running_loop().call_soon([&] { say("queued in the step"); });
    const any_task self = current_task();
    auto f = async({.name = "fiber", .eager_start = true}, [&] {
      say(current_task().get_name());
      yield();
      say("fiber ends");
    });
    CHECK(current_task() == self);
    say(caught([] { yield(); }));
    co_await stackless::yield();
    CHECK(current_task() == self);
    co_await f;
    say("eager ends");
  };
  run([&] {
    const any_task self = current_task();
    auto other = async([&] { say("other"); });
    auto t = stackless::spawn({.name = "eager", .eager_start = true}, eager());
    CHECK(current_task() == self);
    say("creator");
    yield();
    CHECK(current_task() == self);
    gather(other, t);
  });
  CHECK(say.take() == "fiber usage_error creator other queued in the step fiber ends eager ends");
}

TEST_CASE_FIXTURE(fixture, "an eager coroutine's error, cancellation and context are its own") {
  const context_var<int> number("number", 0);
  const auto fails = [&]() -> co<> {
    number.set(2);
    throw std::runtime_error("early");
    co_return;
  };
  const auto cancels = [&](any_task whom) -> co<> {
    whom.cancel("by the eager one");
    co_return;
  };
  run([&] {
    get_running_loop().set_eager_start(true);
    number.set(1);
    auto t = stackless::spawn(fails());
    CHECK(t.done());
    CHECK(number.get() == 1);
    CHECK(caught([&] { t.await(); }) == "early");
    static_cast<void>(stackless::spawn(cancels(current_task())));
    say("goes on");
    say(caught([] { yield(); }));
    current_task().uncancel();
    try {
      throw std::runtime_error("creator's");
    } catch (const std::runtime_error&) {
      static_cast<void>(caught([&] { stackless::spawn(fails()).await(); }));
      CHECK(caught([] { throw; }) == "creator's");
    }
    const auto itself = [&]() -> co<> {
      current_task().cancel();
      say("begun");
      co_await stackless::yield();
    };
    auto own = stackless::spawn(itself());
    CHECK_FALSE(own.done());
    CHECK(caught([&] { own.await(); }) == "cancelled_error");
  });
  CHECK(say.take() == "goes on cancelled_error(by the eager one) begun");
}

TEST_CASE_FIXTURE(loop_fixture, "a fatal error of an eager step, also of a fiber that an eager coroutine on a fiber's stack has started") {
  loop.set_eager_start(true);
  std::optional<task<>> fatal;
  const auto middle = [&]() -> co<> {
    say("middle");
    fatal = async([] { throw system_exit(6); });
    say("middle goes on");
    co_await stackless::yield();
    say("middle ends");
  };
  auto main = loop.create_task([&] {
    auto m = stackless::spawn(middle());
    say("creator");
    m.await();
  });
  CHECK(caught([&] { loop.run_until_complete(main); }) == "system_exit(6)");
  CHECK(say.take() == "middle");
  loop.run_until_complete(main);
  CHECK(say.take() == "middle goes on creator middle ends");
  CHECK(caught([&] { fatal->result(); }) == "system_exit(6)");
  auto direct = loop.create_task([&] {
    fatal = stackless::spawn(throws(system_exit(7)));
    say("rest");
  });
  CHECK(caught([&] { loop.run_until_complete(direct); }) == "system_exit(7)");
  CHECK(caught([&] { fatal->result(); }) == "system_exit(7)");
  if (!direct.done()) loop.run_until_complete(direct);
  CHECK(say.take() == "rest");
}

TEST_CASE_FIXTURE(fixture, "what ends with a task makes coroutines in no task: these are queued, as fibers are") {
  struct spawner {
    explicit spawner(trace& t) noexcept : say(&t) {}
    spawner(spawner&& other) noexcept : say(std::exchange(other.say, nullptr)) {}
    spawner& operator=(spawner&&) = delete;
    ~spawner() {
      if (say == nullptr) return;
      static_cast<void>(stackless::spawn(tells_cancellation(*say, "coroutine", 0s)));
      static_cast<void>(async([s = say] { (*s)("fiber"); }));
      (*say)(current_task() ? "in a task" : "in none");
    }
    trace* say;
  };
  const auto body = [&]() -> co<spawner> { co_return spawner(say); };
  run([&] {
    get_running_loop().set_eager_start(true);
    static_cast<void>(async({.eager_start = false}, [&] { return spawner(say); }));
    sleep(1s);
    CHECK(say.take() == "in none fiber coroutine ended");
    static_cast<void>(stackless::spawn({.eager_start = false}, body()));
    sleep(1s);
    CHECK(say.take() == "in none fiber coroutine ended");
  });
}

// --- Bridges ---

TEST_CASE_FIXTURE(fixture, "a fiber that awaits a coroutine runs it itself: its task, its context, its cancellation") {
  const context_var<int> number("number", 1);
  const auto body = [&](any_task expected) -> co<int> {
    CHECK(current_task() == expected);
    number.set(number.get() + 1);
    co_await stackless::sleep(1s);
    CHECK(current_task() == expected);
    co_await stackless::yield();
    co_return number.get();
  };
  run([&] {
    CHECK(nakh::await(body(current_task())) == 2);
    CHECK(number.get() == 2);
    CHECK(now() == 1000);
    auto t = async([&] { nakh::await(tells_cancellation(say, "inner", 1h)); });
    yield();
    t.cancel("why");
    CHECK(caught([&] { t.await(); }) == "cancelled_error(why)");
    CHECK(say.take() == "inner why");
    CHECK(caught([&] { nakh::timeout(2s, [&] { nakh::await(tells_cancellation(say, "late", 1h)); }); }) == "timeout_error");
    CHECK(say.take() == "late ");
    CHECK(caught([&] { nakh::wait_for(number_later(3, 5s), 1s); }) == "timeout_error");
    CHECK(nakh::wait_for(number_later(3, 1s), 5s) == 3);
    CHECK(caught([&] { nakh::wait_for(number_later(3, 1s), 0s); }) == "timeout_error");
  });
}

TEST_CASE_FIXTURE(fixture, "a coroutine that runs in a fiber awaits coroutines, tasks of both kinds, and may block") {
  const auto deep = [&]() -> co<int> {
    sleep(1s);
    auto a = stackless::spawn(number_later(1, 1s));
    auto b = async([] {
      sleep(2s);
      return 2;
    });
    const int one = co_await a;
    const int two = co_await b;
    const int four = co_await number_later(4, 1s);
    co_return one + two + four + nakh::await(number_later(8, 1s));
  };
  run([&] { CHECK(nakh::await(deep()) == 15); });
  CHECK(now() == 5000);
}

TEST_CASE_FIXTURE(fixture, "a fiber awaits a coroutine while it unwinds; a cancellation waits until afterwards") {
  run([&] {
    auto t = async([&] {
      struct cleanup {
        trace& say;
        ~cleanup() {
          nakh::await(sleeps(1s));
          say("clean");
        }
      };
      try {
        const cleanup at_end{say};
        throw std::runtime_error("boom");
      } catch (const std::runtime_error&) {
        say("caught");
      }
      say(caught([] { yield(); }));
    });
    yield();
    t.cancel();
    t.await();
  });
  CHECK(say.take() == "clean caught cancelled_error");
  CHECK(now() == 1000);
}

TEST_CASE_FIXTURE(fixture, "gather of coroutines, tasks of both kinds, futures and functions") {
  const auto main = [&]() -> co<> {
    const future<int> f;
    get_running_loop().call_later(1s, [f] { f.set_result(4); });
    auto task = stackless::spawn(number(2));
    const auto all = co_await stackless::gather(number_later(1, 3s), task, async([] { return 3; }), f, [] { return 5; }, nothing());
    CHECK(all == std::tuple(1, 2, 3, 4, 5, std::monostate()));
    auto failing = stackless::gather(throws(std::runtime_error("boom")), sleeps(5s));
    say(co_await caught_in([&] { return failing; }));
    const auto both = co_await stackless::gather(return_exceptions, throws(std::runtime_error("bang")), number(6));
    CHECK(caught(std::get<0>(both).error()) == "bang");
    CHECK(std::get<1>(both).value() == 6);
  };
  run(main());
  CHECK(say.take() == "boom");
  run([&] { CHECK(nakh::gather(number(1), number_later(2, 1s), [] { return 3; }) == std::tuple(1, 2, 3)); });
}

TEST_CASE_FIXTURE(fixture, "context variables: a task has a copy of its creator's, a coroutine that is awaited has its awaiter's") {
  const context_var<int> number("number", 0);
  const auto sets = [&](int n) -> co<int> {
    const int before = number.get();
    number.set(n);
    co_await stackless::yield();
    CHECK(number.get() == n);
    co_return before;
  };
  const auto main = [&]() -> co<> {
    number.set(1);
    const int spawned = co_await stackless::spawn(sets(2));
    CHECK(spawned == 1);
    CHECK(number.get() == 1);
    const int awaited = co_await sets(3);
    CHECK(awaited == 1);
    CHECK(number.get() == 3);
    auto fiber = async([&] {
      const int here = number.get();
      const int seen = nakh::await(sets(4));
      CHECK(number.get() == 4);
      return here * 10 + seen;
    });
    const int both = co_await fiber;
    CHECK(both == 33);
    CHECK(number.get() == 3);
    const context own = copy_context();
    auto shared = stackless::spawn({.context = own}, sets(5));
    co_await shared;
    CHECK(number.get() == 3);
    own.run([&] { CHECK(number.get() == 5); });
  };
  run(main());
}

TEST_CASE_FIXTURE(fixture, "coroutines where functions are taken: create_task, run_until_complete, a runner, async_threadsafe") {
  {
    runner r(run_options{.clock = &clock});
    CHECK(r.run(number(1)) == 1);
    CHECK(r.run(number_later(2, 1s)) == 2);
    r.close();
  }
  event_loop loop;
  watch(loop);
  CHECK(loop.run_until_complete(number(3)) == 3);
  auto t = loop.create_task(number(4));
  CHECK(loop.run_until_complete(t) == 4);
  auto remote = async_threadsafe(loop, [] { return nakh::await(number_later(5, 1ms)); });
  int got = 0;
  std::thread other([&] {
    got = remote.get();
    loop.call_soon_threadsafe([&] { loop.stop(); });
  });
  loop.run_forever();
  other.join();
  CHECK(got == 5);
  loop.close();
  check_nothing_left(loop);
}

TEST_CASE_FIXTURE(fixture, "done callbacks and names of a coroutine's task") {
  const auto main = [&]() -> co<> {
    auto t = stackless::spawn({.name = "mine"}, number(3));
    t.add_done_callback([&](const future<int>& f) { say("done", f.result()); });
    CHECK(t.get_name() == "mine");
    t.set_name("other");
    CHECK(t.get_name() == "other");
    CHECK(all_tasks().size() == 2);
    co_await t;
    co_await stackless::yield();
    CHECK(all_tasks().size() == 1);
  };
  run(main());
  CHECK(say.take() == "done3");
}

// --- Misuse ---

TEST_CASE_FIXTURE(fixture, "what blocks refuses a coroutine, and says what to do") {
  const char* const sentence = "nakh: a coroutine cannot wait in an ordinary call; use co_await with what nakh::stackless has for it";
  const auto main = [&]() -> co<> {
    CHECK_THROWS_WITH_AS(sleep(1s), sentence, usage_error);
    CHECK_THROWS_WITH_AS(sleep_until(time_point{} + 1h), sentence, usage_error);
    CHECK_THROWS_WITH_AS(yield(), sentence, usage_error);
    CHECK_THROWS_WITH_AS(nakh::await(number(1)), sentence, usage_error);
    const future<> f;
    CHECK_THROWS_WITH_AS(f.await(), sentence, usage_error);
    CHECK_THROWS_WITH_AS(nakh::wait(std::vector{f}), sentence, usage_error);
    mutex m;
    REQUIRE(m.try_lock());
    CHECK_THROWS_WITH_AS(m.lock(), sentence, usage_error);
    m.unlock();
    queue<int> q(1);
    CHECK_THROWS_WITH_AS(static_cast<void>(q.get()), sentence, usage_error);
    q.put(1);
    CHECK_THROWS_WITH_AS(q.put(2), sentence, usage_error);
    CHECK_THROWS_WITH_AS(q.join(), sentence, usage_error);
    event e;
    CHECK_THROWS_WITH_AS(e.wait(), sentence, usage_error);
    semaphore s(0);
    CHECK_THROWS_WITH_AS(s.acquire(), sentence, usage_error);
    CHECK(s.permits() == 0);
    condition_variable c;
    co_await stackless::lock(c);
    CHECK_THROWS_WITH_AS(c.wait(), sentence, usage_error);
    CHECK(c.locked());
    c.unlock();
    barrier b(2);
    CHECK_THROWS_WITH_AS(b.wait(), sentence, usage_error);
    CHECK(b.waiting() == 0);
    lowlevel::wait_op op;
    CHECK_THROWS_WITH_AS(lowlevel::park(op), sentence, usage_error);
    auto t = stackless::spawn(number(1));
    CHECK_THROWS_WITH_AS(t.await(), sentence, usage_error);
    CHECK_THROWS_WITH_AS(testing::wait_all_blocked(), sentence, usage_error);
    const int one = co_await t;
    CHECK(one == 1);
    // What was refused has left nothing behind.
    const auto held = co_await stackless::hold(m);
    const int item = co_await stackless::get(q);
    CHECK(item == 1);
  };
  run(main());
}

TEST_CASE_FIXTURE(fixture, "what blocks is not refused when it need not wait") {
  const auto main = [&]() -> co<> {
    const future<int> f;
    f.set_result(3);
    CHECK(f.await() == 3);
    mutex m;
    m.lock();
    m.unlock();
    queue<int> q;
    q.put(1);
    CHECK(q.get() == 1);
    co_return;
  };
  run(main());
}

TEST_CASE_FIXTURE(fixture, "outside of a task a coroutine can neither be awaited nor wait") {
  CHECK(caught([] { nakh::await(number(1)); }) == "usage_error");
  CHECK(caught([] { static_cast<void>(stackless::spawn(number(1))); }) == "usage_error");
  run([&] {
    get_running_loop().call_soon([&] { say(caught([] { nakh::await(number(1)); })); });
    yield();
  });
  CHECK(say.take() == "usage_error");
}

// --- Awaitables that are not the library's ---

TEST_CASE_FIXTURE(fixture, "a task that waits for somebody else's awaitable goes on in a step of its own, whoever has resumed it") {
  std::coroutine_handle<> handle;
  object_count objects;
  const auto body = [&](counted c) -> co<int> {
    const counted local = c;
    co_await foreign_wait{handle};
    const any_task self = current_task();
    say(self.get_name());
    co_await stackless::sleep(1s);
    CHECK(current_task() == self);
    co_await foreign_wait{handle};
    co_return 3;
  };
  const auto main = [&]() -> co<> {
    auto by_callback = stackless::spawn({.name = "by_callback"}, body(counted(objects)));
    co_await stackless::yield();
    get_running_loop().call_soon([&] { handle.resume(); });
    co_await stackless::sleep(2s);
    get_running_loop().call_soon([&] { handle.resume(); });
    const int three = co_await by_callback;
    CHECK(three == 3);
    auto by_coroutine = stackless::spawn({.name = "by_coroutine"}, body(counted(objects)));
    co_await stackless::yield();
    handle.resume();
    CHECK(current_task().get_name() != "by_coroutine");
    co_await stackless::sleep(2s);  // which would be that task's wait
    handle.resume();
    CHECK_FALSE(by_coroutine.done());
    co_await by_coroutine;
    auto by_fiber = stackless::spawn({.name = "by_fiber"}, body(counted(objects)));
    co_await stackless::yield();
    co_await async([&] {
      handle.resume();
      sleep(2s);
      handle.resume();
    });
    co_await by_fiber;
    CHECK(objects.alive == 0);
  };
  run(main());
  CHECK(say.take() == "by_callback by_coroutine by_fiber");
}

TEST_CASE_FIXTURE(fixture, "somebody else's awaitable in a coroutine that a fiber awaits, and in a generator") {
  std::coroutine_handle<> handle;
  const auto body = [&]() -> co<int> {
    co_await foreign_wait{handle};
    say(co_await caught_in([] { return stackless::sleep(1s); }));
    co_return 3;
  };
  const auto items = [&]() -> stackless::generator<int> {
    for (int i = 0; i < 2; ++i) {
      co_await foreign_wait{handle};
      co_yield i;
    }
  };
  const auto resume_soon = [&] { get_running_loop().call_soon([&] { handle.resume(); }); };
  const auto ask = [&]() -> co<> {
    auto g = items();
    for (int i = 0; i < 2; ++i) {
      resume_soon();
      say("item", *co_await g.next());
    }
    CHECK_FALSE(co_await g.next());
  };
  run([&] {
    resume_soon();
    say("got", nakh::await(body()));
    auto g = items();
    resume_soon();
    say("item", *nakh::await(stackless::next(g)));
    auto t = async([&] { say("item", *nakh::await(stackless::next(g))); });
    yield();
    handle.resume();
    t.await();
    nakh::await(g.close());
    nakh::await(ask());
  });
  run(ask());
  CHECK(say.take() == "nothing got3 item0 item1 item0 item1 item0 item1");
}

TEST_CASE_FIXTURE(fixture, "somebody else's awaitable may resume at once, not suspend at all, or name who goes on") {
  const auto main = [&]() -> co<> {
    for (int i = 0; i < 1000; ++i) {
      co_await foreign([](std::coroutine_handle<> self) { self.resume(); });
      co_await foreign([](std::coroutine_handle<>) { return false; });
      co_await foreign([](std::coroutine_handle<> self) { return self; });
    }
    say("at once");
    const bool later = co_await foreign_call{[](std::coroutine_handle<> self) {
                                               get_running_loop().call_soon([self] { self.resume(); });
                                               return true;
                                             },
                                             [] { return true; }};
    CHECK(later);
    say("later");
    co_await foreign([](std::coroutine_handle<> self) -> std::coroutine_handle<> {
      get_running_loop().call_soon([self] { self.resume(); });
      return std::noop_coroutine();
    });
    say("to nobody");
    co_await std::suspend_never();
    int there = 0;
    int& reference = co_await foreign_call{[](std::coroutine_handle<> self) { self.resume(); }, [&]() -> int& { return there; }};
    CHECK(&reference == &there);
    const auto owner = co_await foreign_call{[](std::coroutine_handle<> self) { self.resume(); }, [] { return std::make_unique<int>(4); }};
    CHECK(*owner == 4);
    co_await stackless::sleep(1s);
  };
  run(main());
  run([&] { nakh::await(main()); });
  CHECK(say.take() == "at once later to nobody at once later to nobody");
}

TEST_CASE_FIXTURE(fixture, "errors of somebody else's awaitable, before it waits and after") {
  const auto main = [&]() -> co<> {
    say(co_await caught_in([] { return foreign([](std::coroutine_handle<>) { throw std::runtime_error("cannot"); }); }));
    say(co_await caught_in([] {
      return foreign_call{[](std::coroutine_handle<> self) { get_running_loop().call_soon([self] { self.resume(); }); },
                          [] { throw std::runtime_error("failed"); }};
    }));
    say(co_await caught_in([] { return stackless::sleep(1s); }));
  };
  run(main());
  run([&] { nakh::await(main()); });
  CHECK(say.take() == "cannot failed nothing cannot failed nothing");
}

TEST_CASE_FIXTURE(fixture, "somebody else's coroutine that waits for the library, and then for something else") {
  std::coroutine_handle<> handle;
  const auto sleeps_then_waits = [&](bool waits) -> foreign_coroutine {
    co_await stackless::sleep(1s);
    if (waits) co_await foreign_wait{handle};
  };
  const auto returns_at_once = []() -> foreign_coroutine { co_return; };
  const auto main = [&]() -> co<> {
    co_await sleeps_then_waits(false);
    say(std::to_string(now()));
    get_running_loop().call_later(1500ms, [&] { handle.resume(); });
    co_await sleeps_then_waits(true);
    say(std::to_string(now()));
    for (int i = 0; i < 1000; ++i) co_await returns_at_once();
    co_await stackless::sleep(1s);
    say(std::to_string(now()));
  };
  run(main());
  CHECK(say.take() == "1000 2500 3500");
  run([&] { nakh::await(main()); });
  CHECK(say.take() == "4500 6000 7000");
}

TEST_CASE_FIXTURE(fixture, "somebody else's awaitable cannot be cancelled: that is delivered when it resumes, and its result dropped") {
  std::coroutine_handle<> handle;
  object_count objects;
  const auto get = [&] { return foreign_call{[&](std::coroutine_handle<> self) { handle = self; }, [&] { return counted(objects); }}; };
  const auto body = [&]() -> co<> {
    say(co_await caught_in(get));
    CHECK(objects.alive == 0);
    say(co_await caught_in([] { return stackless::sleep(1s); }));
  };
  const auto test = [&](auto& t) -> co<> {
    co_await stackless::yield();
    t.cancel();
    co_await stackless::sleep(1s);
    CHECK_FALSE(t.done());
    handle.resume();
    co_await t;
  };
  const auto main = [&]() -> co<> {
    auto coroutine = stackless::spawn(body());
    co_await test(coroutine);
    auto fiber = async([&] { nakh::await(body()); });
    co_await test(fiber);
  };
  run(main());
  CHECK(objects.made == 2);
  CHECK(say.take() == "cancelled_error nothing cancelled_error nothing");

  // Requested before it waits: it does not begin. An error of its own comes first.
  const auto cancels_itself = [&]() -> co<> {
    current_task().cancel();
    say(co_await caught_in(get));
    say(co_await caught_in([] {
      return foreign_call{[](std::coroutine_handle<> self) {
                            current_task().cancel();
                            self.resume();
                          },
                          [] { throw std::runtime_error("failed"); }};
    }));
    say(co_await caught_in([] { return stackless::sleep(1s); }));
  };
  run(cancels_itself());
  run([&] { nakh::await(cancels_itself()); });
  CHECK(objects.made == 2);
  CHECK(say.take() == "cancelled_error failed cancelled_error cancelled_error failed cancelled_error");
}

TEST_CASE_FIXTURE(fixture, "a timeout around somebody else's awaitable fires when that resumes") {
  std::coroutine_handle<> handle;
  const auto body = [&]() -> co<> { co_await foreign_wait{handle}; };
  const auto main = [&]() -> co<> {
    get_running_loop().call_later(3s, [&] { handle.resume(); });
    say(co_await caught_in([&] { return stackless::wait_for(body(), 1s); }));
    say(std::to_string(now()));
    get_running_loop().call_later(3s, [&] { handle.resume(); });
    say(co_await caught_in([&] { return stackless::wait_for(foreign_wait{handle}, 4s); }));
  };
  run(main());
  CHECK(say.take() == "timeout_error 3000 nothing");
}

TEST_CASE("somebody else's awaitable may resume in another thread: the task goes on in its own") {
  std::vector<std::thread> threads;
  const auto elsewhere = [&] { return foreign([&](std::coroutine_handle<> self) { threads.emplace_back([self] { self.resume(); }); }); };
  const auto body = [&](int times) -> co<> {
    const auto own = std::this_thread::get_id();
    const any_task self = current_task();
    for (int i = 0; i < times; ++i) {
      co_await elsewhere();
      CHECK(std::this_thread::get_id() == own);
      CHECK(current_task() == self);
      co_await stackless::yield();
    }
  };
  const auto main = [&]() -> co<> {
    auto other = stackless::spawn(body(20));
    co_await body(20);
    co_await other;
  };
  run(main());
  run([&] { nakh::await(body(20)); });
  for (auto& t : threads) t.join();
}

TEST_CASE_FIXTURE(fixture, "somebody else's awaitable that resumes while its loop does not run: the task goes on when it does") {
  std::coroutine_handle<> handle;
  bool stop = false;
  const auto body = [&]() -> co<> {
    while (!stop) {
      try {
        co_await foreign_wait{handle};
      } catch (const cancelled_error&) {
        stop = true;
      }
    }
  };
  event_loop loop(loop_options{.clock = &clock});
  watch(loop);
  auto t = loop.create_task(body());
  loop.call_soon([&] { loop.stop(); });
  loop.run_forever();
  // No loop runs: it counts when one does.
  handle.resume();
  t.cancel();
  loop.run_until_complete(t);
  CHECK(stop);
  loop.close();
  check_nothing_left(loop);
}

TEST_CASE_FIXTURE(fixture, "what a dump says of a task that waits for somebody else's awaitable") {
  std::coroutine_handle<> handle;
  const auto body = [&]() -> co<> { co_await foreign_wait{handle}; };
  const auto main = [&]() -> co<> {
    auto t = stackless::spawn(body());
    co_await stackless::yield();
    std::ostringstream out;
    print_call_graph(t, out);
    CHECK(says(out.str(), "foreign awaitable"));
    handle.resume();
    co_await t;
  };
  run(main());
}

TEST_CASE_FIXTURE(fixture, "a coroutine that was run, or moved away, cannot be run again") {
  const auto main = [&]() -> co<> {
    auto once = nothing();
    co_await std::move(once);
    say(co_await caught_in([&] { return std::move(once); }));
    auto spawned = nothing();
    co_await stackless::spawn(std::move(spawned));
    say(caught([&] { static_cast<void>(stackless::spawn(std::move(spawned))); }));
    say(caught([&] { static_cast<void>(stackless::gather(std::move(spawned))); }));
  };
  run(main());
  run([&] {
    auto once = nothing();
    nakh::await(std::move(once));
    say(caught([&] { nakh::await(std::move(once)); }));
  });
  CHECK(say.take() == "usage_error usage_error usage_error usage_error");
}

TEST_CASE_FIXTURE(fixture, "a task that awaits itself, run inside run, and a future of another loop") {
  const auto main = [&]() -> co<> {
    std::optional<task<>> self;
    const auto awaits_itself = [&]() -> co<> { co_await *self; };
    self = stackless::spawn({.name = "narcissus"}, awaits_itself());
    try {
      co_await *self;
    } catch (const usage_error& e) {
      say(e.what());
    }
    say(caught([] { stackless::run(number(1)); }));
    say(caught([] { nakh::run(number(1)); }));
  };
  run(main());
  CHECK(say.take() == "nakh: task 'narcissus' awaits itself, which would never end usage_error usage_error");

  event_loop other(loop_options{.clock = &clock});
  const auto foreign = other.create_future<void>();
  const auto elsewhere = [&]() -> co<> {
    say(co_await caught_in([&] { return foreign; }));
    say(co_await caught_in([] { return stackless::yield(); }));
  };
  run(elsewhere());
  run([&] { nakh::await(elsewhere()); });
  CHECK(say.take() == "usage_error nothing usage_error nothing");
  other.close();
  const auto late = [&]() -> co<> {
    say(caught([&] { static_cast<void>(other.create_task(number(1))); }));
    co_return;
  };
  run(late());
  CHECK(say.take() == "usage_error");
}

// --- One's own primitives ---

TEST_CASE_FIXTURE(fixture, "a waker wakes one suspension of a coroutine, in time and once") {
  std::vector<lowlevel::waker> wakers;
  const auto sleeper = [&]() -> co<> {
    for (int i = 0; i < 2; ++i) {
      say(co_await caught_in([&] { return bell(wakers); }));
    }
    say(co_await caught_in([] { return stackless::sleep(1s); }));
  };
  run([&] {
    auto t = stackless::spawn(sleeper());
    yield();
    REQUIRE(wakers.size() == 1);
    CHECK(wakers[0].wake());
    CHECK_FALSE(wakers[0].wake());
    yield();
    CHECK_FALSE(wakers[0].wake());
    REQUIRE(wakers.size() == 2);
    t.cancel("stop");
    CHECK_FALSE(wakers[1].wake());
    yield();
    for (auto& w : wakers) CHECK_FALSE(w.wake());
    t.await();
    for (auto& w : wakers) CHECK_FALSE(w.wake());
    wakers.clear();
  });
  CHECK(say.take() == "nothing cancelled_error(stop) nothing");
}

// --- Being looked at ---

TEST_CASE_FIXTURE(fixture, "the call graph goes through fibers and coroutines") {
  const auto main = [&]() -> co<> {
    event gate;
    const auto waits = [&]() -> co<> { co_await stackless::wait(gate); };
    auto inner = stackless::spawn({.name = "inner"}, waits());
    auto middle = async({.name = "middle"}, [inner] { inner.await(); });
    auto outer = stackless::spawn({.name = "outer"}, awaits(middle));
    auto last = async({.name = "last"}, [outer] { nakh::await(awaits(outer)); });
    co_await stackless::sleep(1s);
    const task_graph g = call_graph(any_task(inner));
    REQUIRE(g.tasks.size() == 4);
    CHECK(g.tasks[0].waits_in == "event");
    for (std::size_t i = 0; i < 4; ++i) CHECK(g.tasks[i].name == (i == 0 ? "inner" : i == 1 ? "middle" : i == 2 ? "outer" : "last"));
    for (std::size_t i = 1; i < 4; ++i) CHECK(g.tasks[i].waits_for == std::vector{i - 1});
    std::ostringstream text;
    print_call_graph(any_task(inner), text);
    CHECK(says(text.str(), "inner"));
    CHECK(says(text.str(), "last"));
    std::ostringstream tree;
    print_task_tree(tree);
    CHECK(says(tree.str(), "outer"));
    std::ostringstream own;
    print_call_graph(own);
    const task_graph all = call_graph(get_running_loop());
    CHECK(all.tasks[0].state == task_state::running);
    CHECK(says(format_tasks(all), "waits in event"));
    CHECK(says(format_task_table(all), "middle"));
    CHECK(all.cycles().empty());
    gate.set();
    co_await last;
  };
  run(main());
}

TEST_CASE_FIXTURE(fixture, "the call graph from an eager coroutine on a fiber's stack, and from one that runs in a fiber") {
  const auto looks = [&]() -> co<> {
    std::ostringstream text;
    print_call_graph(text);
    CHECK(says(text.str(), current_task().get_name()));
    std::ostringstream tree;
    print_task_tree(tree);
    CHECK(says(tree.str(), "creator"));
    int running = 0;
    for (const task_info& t : call_graph(get_running_loop()).tasks) running += t.state == task_state::running;
    CHECK(running == 1);
    co_return;
  };
  run([&] {
    auto t = async({.name = "creator"}, [&] {
      yield();
      CHECK(stackless::spawn({.name = "eager", .eager_start = true}, looks()).done());
      nakh::await(looks());
    });
    t.await();
  });
}

TEST_CASE_FIXTURE(fixture, "a deadlock names the coroutines that wait, and their circle") {
  const auto deadlock_of = [&](auto main) {
    run_options options{.clock = &clock};
    options.loop.deadlocks = deadlock_detection::always;
    try {
      runner r(options);
      watch(r.get_loop());
      r.run(std::move(main));
    } catch (const deadlock_error& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  const auto main = [&]() -> co<> {
    event never;
    std::optional<task<>> second;
    const auto first_body = [&]() -> co<> {
      co_await stackless::yield();
      co_await *second;
    };
    auto first = stackless::spawn({.name = "first"}, first_body());
    second = async({.name = "second"}, [first] { first.await(); });
    co_await stackless::wait(never);
  };
  const std::string text = deadlock_of(main());
  CHECK(says(text, "deadlock: all 3 tasks wait"));
  CHECK(says(text, "'first' -> 'second' -> 'first'"));
  CHECK(says(text, "event"));
}

TEST_CASE_FIXTURE(loop_fixture, "debug mode names a coroutine whose step is slow") {
  loop.set_debug(true);
  loop.set_slow_callback_duration(40ms);
  std::vector<std::string> slow;
  loop.set_slow_callback_handler([&](event_loop&, const slow_callback& s) { slow.push_back(s.source); });
  const auto holds = []() -> co<> {
    co_await stackless::yield();
    const auto end = std::chrono::steady_clock::now() + 160ms;
    while (std::chrono::steady_clock::now() < end) {
    }
    co_await stackless::yield();
  };
  loop.run_until_complete(loop.create_task({.name = "holder"}, holds()));
  CHECK(std::count(slow.begin(), slow.end(), "holder") == 1);
}
