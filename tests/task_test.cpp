// SPDX-License-Identifier: BSL-1.0
#include <nakh/task.hpp>

#include "support/fixture.hpp"

#include <nakh/gather.hpp>
#include <nakh/wait.hpp>

#include <cctype>
#include <cstdlib>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace nakh;
using namespace nakh::test;
using namespace std::chrono_literals;

TEST_CASE_FIXTURE(fixture, "T-task-01: async returns before the body begins; bodies begin in creation order, in the next pass") {
  run([&] {
    auto a = async([&] { say("a"); });
    get_running_loop().call_soon([&] { say("callback"); });
    auto b = async([&] { say("b"); });
    auto c = async([&](const std::string& word) { say(word); }, "c");
    say("created");
    CHECK_FALSE(a.done());
    yield();
    CHECK(c.done());
  });
  CHECK(say.take() == "created a callback b c");
}

TEST_CASE_FIXTURE(fixture, "T-task-01: dropping the handle does not end the task") {
  run([&] {
    static_cast<void>(async([&] {
      say("begun");
      sleep(1s);
      say("ended");
    }));
    sleep(2s);
  });
  CHECK(say.take() == "begun ended");
}

TEST_CASE_FIXTURE(fixture, "T-task-02: a finished task gives its value any number of times, without suspending") {
  run([&] {
    auto t = async([&] {
      say("body");
      return std::string("value");
    });
    CHECK(t.await() == "value");
    get_running_loop().call_soon([&] { say("pass"); });
    for (int i = 0; i < 3; ++i) CHECK(t.await() == "value");
    CHECK(t.result() == "value");
    CHECK(t.exception() == nullptr);
    say("still in the same pass");
  });
  CHECK(say.take() == "body still in the same pass pass");
}

TEST_CASE_FIXTURE(fixture, "T-task-02: and its error") {
  run([&] {
    auto t = async([] { throw std::runtime_error("boom"); });
    for (int i = 0; i < 3; ++i) CHECK(caught([&] { t.await(); }) == "boom");
    CHECK(caught([&] { t.result(); }) == "boom");
    CHECK(caught(t.exception()) == "boom");
  });
}

TEST_CASE_FIXTURE(fixture, "T-task-03: the awaiter goes on one pass after the awaited task ended, its cleanup included") {
  run([&] {
    event_loop& l = get_running_loop();
    auto b = async([&] {
      struct cleanup {
        trace& says;
        ~cleanup() { says("cleanup"); }
      } const at_end{say};
      yield();
      l.call_soon([&] { say("queued by b"); });
      say("b ends");
    });
    yield();
    l.call_soon([&] { say("same pass"); });
    b.await();
    say("awaiter");
  });
  CHECK(say.take() == "b ends cleanup same pass queued by b awaiter");
}

TEST_CASE_FIXTURE(fixture, "T-task-03: several awaiters go on in the order in which they began to wait") {
  run([&] {
    auto t = async([] {
      sleep(1s);
      return 5;
    });
    std::vector<task<>> awaiters;
    for (int i = 0; i < 3; ++i) {
      awaiters.push_back(async([&, i] { say("", 10 * i + t.await()); }));
    }
    gather(awaiters);
  });
  CHECK(say.take() == "5 15 25");
}

TEST_CASE_FIXTURE(fixture, "T-task-04: names") {
  run([&] {
    auto named = async(task_options{.name = "writer"}, [] {});
    CHECK(named.get_name() == "writer");
    auto a = async([] {});
    auto b = async([] {});
    const std::string first = a.get_name();
    REQUIRE(first.rfind("Task-", 0) == 0);
    const long number = std::strtol(first.c_str() + 5, nullptr, 10);
    CHECK(b.get_name() == "Task-" + std::to_string(number + 1));
    b.set_name("renamed");
    CHECK(b.get_name() == "renamed");
    gather(named, a, b);
    CHECK(b.get_name() == "renamed");
    b.set_name("");
    CHECK(b.get_name() == "");
    CHECK(current_task().get_name().rfind("Task-", 0) == 0);
    current_task().set_name("main");
    CHECK(current_task().get_name() == "main");
  });
}

TEST_CASE_FIXTURE(fixture, "T-task-05: a function that is called directly runs in the caller's task, at once") {
  run([&] {
    get_running_loop().call_soon([&] { say("pass"); });
    const any_task main = current_task();
    const auto f = [&] {
      say("called");
      CHECK(current_task() == main);
      return 3;
    };
    CHECK(await(f) == 3);
    CHECK(f() == 3);
    say("no pass so far");
  });
  CHECK(say.take() == "called called no pass so far pass");
}

// --- Who runs ---

TEST_CASE_FIXTURE(fixture, "T-insp-01: all_tasks lists every unfinished task, those that have not begun too") {
  run([&] {
    const any_task main = current_task();
    CHECK(all_tasks() == std::vector<any_task>{main});
    auto ends = async([] {});
    auto sleeps = async([] { sleep(1h); });
    CHECK(all_tasks() == std::vector<any_task>{main, ends, sleeps});
    yield();
    auto new_one = async([] {});
    CHECK(all_tasks() == std::vector<any_task>{main, sleeps, new_one});
    sleeps.cancel();
    CHECK(all_tasks().size() == 3);
    yield();
    CHECK(sleeps.done());
    CHECK(all_tasks() == std::vector<any_task>{main});
  });
  CHECK(caught([] { static_cast<void>(all_tasks()); }) == "usage_error");
}

TEST_CASE_FIXTURE(fixture, "T-insp-02: current_task is none in a callback, and an error outside a loop") {
  run([&] {
    const any_task main = current_task();
    CHECK(main);
    CHECK_FALSE(main.done());
    event_loop& l = get_running_loop();
    const auto no_task = [&] { CHECK_FALSE(current_task()); };
    l.call_soon(no_task);
    l.call_later(1s, no_task);
    auto t = async([] {});
    t.add_done_callback(no_task);
    sleep(2s);
    CHECK(current_task() == main);
  });
  CHECK(caught([] { static_cast<void>(current_task()); }) == "usage_error");
}

TEST_CASE_FIXTURE(fixture, "T-insp-03: current_task is right after every resumption, also in functions that are called") {
  run([&] {
    const auto self = [] { return current_task().get_name(); };
    const auto worker = [&](const std::string& name) {
      CHECK(self() == name);
      for (int i = 0; i < 3; ++i) {
        yield();
        CHECK(self() == name);
        sleep(1ms);
        CHECK(self() == name);
        async([] { yield(); }).await();
        CHECK(await(self) == name);
        CHECK(caught([] { throw std::runtime_error("boom"); }) == "boom");
        CHECK(self() == name);
      }
    };
    auto a = async(task_options{.name = "a"}, worker, "a");
    auto b = async(task_options{.name = "b"}, worker, "b");
    gather(a, b);
  });
}

// --- Reports ---

TEST_CASE_FIXTURE(fixture, "T-dbg-01: a failed task that nobody asked is reported once, with its name and where it was created") {
  run([&] {
    const unsigned int line = __LINE__ + 1;
    auto t = async(task_options{.name = "loser"}, [] { throw std::runtime_error("boom"); });
    yield();
    CHECK(reports.empty());
    auto copy = t;
    t = async([] { throw std::logic_error("another"); });
    CHECK(reports.empty());
    copy = t;
    const report r = take_report();
    CHECK(r.message == "Task exception was never retrieved");
    CHECK(r.error == "boom");
    CHECK(r.source == "loser");
    CHECK(r.line == line);
    yield();
    CHECK(caught([&] { t.await(); }) == "another");
  });
}

TEST_CASE_FIXTURE(fixture, "T-dbg-01: a failed task whose handle was dropped before is reported when it ends") {
  run([&] {
    static_cast<void>(async([] {
      sleep(1s);
      throw std::runtime_error("boom");
    }));
    sleep(2s);
    CHECK(take_report_error() == "boom");
    static_cast<void>(async([] { throw 42; }));
    yield();
    CHECK(take_report_error() == "int 42");
  });
}

TEST_CASE_FIXTURE(fixture, "T-dbg-02: a retrieved error is not reported; wait retrieves nothing") {
  run([&] {
    const auto failed = [] {
      auto t = async([] { throw std::runtime_error("boom"); });
      yield();
      return t;
    };
    {
      CHECK(caught([t = failed()] { t.await(); }) == "boom");
    }
    {
      CHECK(caught([t = failed()] { t.result(); }) == "boom");
    }
    {
      CHECK(caught(failed().exception()) == "boom");
    }
    {
      CHECK_FALSE(failed().cancel());
    }
    {
      CHECK(caught([t = failed()] { gather(t); }) == "boom");
    }
    CHECK(reports.empty());
    {
      CHECK(wait(std::vector{failed()}).done.size() == 1);
    }
    CHECK(take_report_error() == "boom");
  });
}

TEST_CASE_FIXTURE(fixture, "T-dbg-02: an error passed on to several awaiters is retrieved") {
  run([&] {
    auto t = async([] {
      yield();
      throw std::runtime_error("boom");
    });
    auto a = async([t] { return caught([&] { t.await(); }); });
    auto b = async([t] { return caught([&] { t.await(); }); });
    CHECK(gather(a, b) == std::tuple{std::string("boom"), std::string("boom")});
  });
}

TEST_CASE_FIXTURE(fixture, "T-dbg-03: succeeded and cancelled tasks are dropped silently") {
  run([&] {
    static_cast<void>(async([] { return 1; }));
    static_cast<void>(async([] { throw cancelled_error(); }));
    auto t = async([] { sleep(1h); });
    yield();
    t.cancel();
    yield();
  });
  CHECK(reports.empty());
}

TEST_CASE_FIXTURE(loop_fixture, "T-dbg-04: a loop that is closed under a pending task reports it, and the task is unwound") {
  auto t = loop.create_task([&] {
    say("begun");
    struct cleanup {
      trace& says;
      ~cleanup() { says("cleanup"); }
    } const at_end{say};
    sleep(1h);
    say("must not go on");
  });
  t.set_name("sleeper");
  loop.stop();
  loop.run_forever();
  CHECK(say.take() == "begun");
  loop.close();
  CHECK(say.take() == "cleanup");
  CHECK(t.cancelled());
  const report r = take_report();
  CHECK(r.message.find("pending") != std::string::npos);
  CHECK(r.source == "sleeper");
  CHECK(r.line != 0);
}

TEST_CASE_FIXTURE(loop_fixture, "T-dbg-04: a task that never began is reported too, and runs nothing") {
  const auto token = std::make_shared<int>(0);
  auto t = loop.create_task([&, token] { say("must not run"); });
  loop.close();
  CHECK(t.cancelled());
  CHECK(token.use_count() == 1);
  CHECK(say.take().empty());
  CHECK(take_report().message.find("pending") != std::string::npos);
}

TEST_CASE_FIXTURE(loop_fixture, "T-dbg-04: a cleanup that suspends and starts tasks while its loop is closed still ends") {
  auto t = loop.create_task([&] {
    try {
      sleep(1h);
    } catch (const cancelled_error&) {
      auto helper = async([&] { say("helper"); });
      helper.await();
      yield();
      say(caught([] { sleep(1h); }));  // no time passes any more
      throw;
    }
  });
  loop.stop();
  loop.run_forever();
  loop.close();
  CHECK(say.take() == "helper cancelled_error");
  CHECK(t.cancelled());
  CHECK(now() == 0);
  CHECK_FALSE(reports.empty());
  reports.clear();
}

// --- Misuse, with an error and never a crash or a hang ---

TEST_CASE("tasks cannot be made outside a loop, and nothing of them is left") {
  const auto token = std::make_shared<int>(0);
  CHECK(caught([&] { auto t = async([token] {}); }) == "usage_error");
  CHECK(caught([&] { auto t = async(task_options{.name = "x"}, [token] {}); }) == "usage_error");
  CHECK(token.use_count() == 1);
}

TEST_CASE_FIXTURE(fixture, "a stack size that cannot be") {
  run([&] {
    CHECK(caught([] { auto t = async(task_options{.stack_size = 1}, [] {}); }) == "invalid_argument");
    CHECK(caught([] { auto t = async(task_options{.stack_size = static_cast<std::size_t>(-1)}, [] {}); }) == "invalid_argument");
    CHECK(async(task_options{.stack_size = 16 * 1024}, [] { return 1; }).await() == 1);
  });
}

TEST_CASE_FIXTURE(fixture, "a closure whose copy throws makes no task") {
  struct touchy {
    touchy() = default;
    touchy(const touchy&) { throw std::runtime_error("no copies"); }
    void operator()() const {}
  };
  run([&] {
    const touchy f;
    CHECK(caught([&] { auto t = async(f); }) == "no copies");
    CHECK(all_tasks().size() == 1);
  });
}

TEST_CASE_FIXTURE(fixture, "a result whose move throws makes the task fail") {
  struct touchy {
    touchy() = default;
    touchy(touchy&&) { throw std::runtime_error("no moves"); }  // NOLINT(performance-noexcept-move-constructor)
  };
  run([&] {
    auto t = async([] {
      touchy made;
      return touchy(std::move(made));
    });
    CHECK(caught([&] { t.await(); }) == "no moves");
    CHECK_FALSE(t.cancelled());
    auto stored = async([] { return touchy(); });
    CHECK(caught([&] { stored.await(); }) == "no moves");
  });
}

TEST_CASE_FIXTURE(fixture, "a task that throws no std::exception") {
  run([&] {
    auto number = async([] { throw 42; });
    auto text = async([] { throw "text"; });
    auto object = async([] { throw std::vector<int>{1}; });
    auto null = async([] { throw nullptr; });
    CHECK(caught([&] { number.await(); }) == "int 42");
    CHECK(caught([&] { text.await(); }) == "something else");
    CHECK_THROWS_AS(object.await(), std::vector<int>);
    CHECK(caught([&] { null.await(); }) == "something else");
    CHECK_FALSE(number.cancelled());
    CHECK(caught(number.exception()) == "int 42");
  });
  CHECK(caught([&] { run([] { throw 42; }); }) == "int 42");
}

TEST_CASE_FIXTURE(fixture, "a task whose closure's destructor looks at the loop and makes tasks") {
  struct busy_end {
    trace& says;
    bool armed = true;
    explicit busy_end(trace& t) : says(t) {}
    busy_end(busy_end&& other) noexcept : says(other.says), armed(std::exchange(other.armed, false)) {}
    ~busy_end() {
      if (!armed) return;
      says(current_task() ? "in-a-task" : "in-no-task");
      static_cast<void>(async([&s = says] { s("child"); }));
    }
    void operator()() const { says("body"); }
  };
  run([&] {
    auto t = async(busy_end(say));
    t.await();
    give_up_passes(2);
    CHECK(say.take() == "body in-a-task child");
    auto never = async(busy_end(say));
    never.cancel();
    give_up_passes(3);
    CHECK(say.take().find("child") != std::string::npos);
  });
}

TEST_CASE_FIXTURE(fixture, "two tasks that await each other can be cancelled") {
  run([&] {
    std::vector<task<>> both;
    both.push_back(async([&] { both[1].await(); }));
    both.push_back(async([&] { both[0].await(); }));
    give_up_passes(2);
    both[0].cancel();
    CHECK(passes_until([&] { return (both[0].done() && both[1].done()) || all_tasks().empty(); }) < 10);
  });
}

TEST_CASE_FIXTURE(fixture, "two tasks that await each other through gathers can be cancelled") {
  run([&] {
    std::vector<task<>> both;
    both.push_back(async([&] { gather(both[1]); }));
    both.push_back(async([&] { gather(both[0]); }));
    give_up_passes(2);
    both[0].cancel();
    CHECK(passes_until([&] { return (both[0].done() && both[1].done()) || all_tasks().empty(); }) < 20);
  });
}

TEST_CASE_FIXTURE(fixture, "a long chain of awaiting tasks ends, and is cancelled, without deep recursion") {
  constexpr std::size_t length = 20'000;
  run([&] {
    for (const bool cancelled : {false, true}) {
      std::vector<task<int>> chain;
      chain.reserve(length);
      chain.push_back(async([] {
        sleep(1s);
        return 0;
      }));
      for (std::size_t i = 1; i < length; ++i) {
        chain.push_back(async(task_options{.stack_size = 16 * 1024}, [&chain, i] { return chain[i - 1].await() + 1; }));
      }
      yield();
      if (cancelled) {
        CHECK(chain.back().cancel());
        CHECK(caught([&] { chain.back().await(); }) == "cancelled_error");
        CHECK(chain.front().cancelling() == 1);
      } else {
        CHECK(chain.back().await() == static_cast<int>(length - 1));
      }
    }
  });
}

TEST_CASE_FIXTURE(fixture, "a hundred thousand tasks one after the other leave nothing") {
  run([&] {
    long long sum = 0;
    for (int i = 0; i < 100'000; ++i) sum += async([i] { return i; }).await();
    CHECK(sum == 4'999'950'000);
    CHECK(get_running_loop().stacks().high_water < 10);
  });
}

TEST_CASE_FIXTURE(loop_fixture, "create_task on a loop that does not run yet") {
  auto t = loop.create_task([&] {
    say("body");
    return std::make_unique<int>(4);
  });
  CHECK(say.take().empty());
  loop.run_until_complete(t);
  CHECK(say.take() == "body");
}

TEST_CASE_FIXTURE(fixture, "results: void, a reference, move-only") {
  run([&] {
    async([] {}).await();
    int value = 1;
    auto reference = async([&]() -> int& { return value; });
    reference.await() = 6;
    CHECK(value == 6);
    auto once = async([] { return std::make_unique<int>(2); });
    CHECK(*once.await() == 2);
    CHECK(caught([&] { once.await(); }) == "invalid_state_error");
    CHECK(*async([] { return std::make_unique<int>(3); }).await() == 3);
  });
}
