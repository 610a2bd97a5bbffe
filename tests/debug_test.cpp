// SPDX-License-Identifier: BSL-1.0
#include <nakh/debug.hpp>

#include "sanitizers.hpp"
#include "support/captured_stderr.hpp"
#include "support/fixture.hpp"
#include "support/in_valgrind.hpp"

#include <nakh/inspect.hpp>
#include <nakh/testing.hpp>

#include <algorithm>
#include <chrono>
#include <cstdlib>
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

// Nothing else can have the processor of a loop that is held so.
[[gnu::noinline]] void hold_the_loop(duration d) {
  const auto end = std::chrono::steady_clock::now() + d;
  while (std::chrono::steady_clock::now() < end) {
  }
}
// What a frame takes is more with AddressSanitizer.
#if defined(NAKH_ASAN)
constexpr std::size_t smallest_stack = 32 * 1024;
#else
constexpr std::size_t smallest_stack = 4096;
#endif

[[gnu::noinline]] void work_for_long() {
  hold_the_loop(in_valgrind() ? 600ms : 160ms);         // which brings signals late
  static_cast<void>(std::chrono::steady_clock::now());  // no tail call
}

// Why the stack of a slow step need not be there; empty when it must.
std::string why_no_stack_of_step() {
#if defined(NAKH_TSAN)
  return "ThreadSanitizer brings signals late, from places in itself that cannot always be walked";
#else
  if (in_valgrind()) return "Valgrind brings signals late";
  return why_no_stacks();
#endif
}

template <class F>
void in_another_thread(F&& f) {
  std::thread(std::forward<F>(f)).join();
}

std::size_t place_of(const slow_callback& s, const std::string& function) {
  const auto found = std::find_if(s.stack.begin(), s.stack.end(), [&](const stack_entry& e) { return says(e.function, function); });
  return static_cast<std::size_t>(found - s.stack.begin());
}

/// A loop whose slow steps go to a list. Anything may be slow on a machine that does other things too: a case looks only
/// at the reports with the name or the line that it knows, and of these at those of `work_for_long`.
struct debug_fixture : loop_fixture {
  debug_fixture() {
    loop.set_debug(true);
    loop.set_slow_callback_duration(40ms);  // longer than another program has the processor at a time
    loop.set_slow_callback_handler([this](event_loop&, const slow_callback& s) { slow.push_back(s); });
  }
  std::vector<slow_callback> of(const std::string& name) {
    std::vector<slow_callback> found;
    std::copy_if(slow.begin(), slow.end(), std::back_inserter(found), [&](const slow_callback& s) { return s.source == name; });
    return found;
  }
  std::vector<slow_callback> work_of(const std::string& name) {
    std::vector<slow_callback> found = of(name);
    keep_work(found);
    return found;
  }
  std::vector<slow_callback> work_of_line(unsigned int line) {
    std::vector<slow_callback> found;
    std::copy_if(slow.begin(), slow.end(), std::back_inserter(found),
                 [&](const slow_callback& s) { return s.source.empty() && s.where.line() == line; });
    keep_work(found);
    return found;
  }
  // Those that the stack tells to be it; without stacks the longest one.
  static void keep_work(std::vector<slow_callback>& found) {
    if (why_no_stack_of_step().empty()) {
      std::erase_if(found, [](const slow_callback& s) { return place_of(s, "work_for_long") == s.stack.size(); });
      return;
    }
    const auto longest = std::max_element(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.took < b.took; });
    if (longest != found.end()) found = {slow_callback(*longest)};
  }
  void run_one_pass() {
    loop.stop();
    loop.run_forever();
  }

  std::vector<slow_callback> slow;
};

// It names the functions that held the loop, innermost first, and nothing of the library.
void check_stack(const slow_callback& s) {
  if (const std::string why = why_no_stack_of_step(); !why.empty()) {
    MESSAGE("skipped: " << why);
    return;
  }
  INFO(format_slow_callback(s));
  CHECK(s.no_stack.empty());
  const std::size_t inner = place_of(s, "hold_the_loop");
  const std::size_t outer = place_of(s, "work_for_long");
  REQUIRE(outer < s.stack.size());
  CHECK(inner < outer);
  CHECK(says(s.stack[outer].file, "debug_test.cpp"));
  CHECK(s.stack[outer].line != 0);
  CHECK(place_of(s, "nakh::detail::") == s.stack.size());
}

struct environment {
  environment(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }
  ~environment() { ::unsetenv(name_); }
  environment(const environment&) = delete;
  environment& operator=(const environment&) = delete;
  const char* name_;
};

}  // namespace

TEST_CASE_FIXTURE(debug_fixture, "T-dbg-05: a callback that takes long is reported with where it was created and its stack") {
  const auto where = source_location::current();
  loop.call_soon([] { work_for_long(); }, where);
  loop.call_soon([&] { say("behind it"); });
  run_one_pass();
  CHECK(say.take() == "behind it");
  const auto found = work_of_line(where.line());
  REQUIRE(found.size() == 1);
  CHECK(says(found[0].message, "Executing <Handle created at "));
  CHECK(says(found[0].message, "debug_test.cpp:" + std::to_string(where.line()) + "> took 0."));
  CHECK(says(found[0].message, " seconds"));
  CHECK(found[0].took >= 20ms);
  check_stack(found[0]);
}

TEST_CASE_FIXTURE(debug_fixture, "T-dbg-05: done callbacks and timers too") {
  const auto f = loop.create_future<void>();
  const auto done_at = source_location::current();
  f.add_done_callback([] { work_for_long(); }, done_at);
  f.set_result();
  const auto timer_at = source_location::current();
  loop.call_later(
      1h,
      [&] {
        work_for_long();
        loop.stop();
      },
      timer_at);
  loop.run_forever();
  for (const auto& where : {done_at, timer_at}) {
    const auto found = work_of_line(where.line());
    REQUIRE(found.size() == 1);
    check_stack(found[0]);
  }
}

TEST_CASE_FIXTURE(loop_fixture, "T-dbg-05: nothing is measured in normal mode, and 100 ms is the limit at first") {
  CHECK(loop.slow_callback_duration() == 100ms);
  CHECK_FALSE(loop.get_debug());
  loop.set_slow_callback_duration(1ms);
  CHECK(loop.slow_callback_duration() == 1ms);
  loop.set_slow_callback_handler([&](event_loop&, const slow_callback&) { say("slow"); });
  loop.call_soon([] { hold_the_loop(5ms); });
  loop.run_until_complete([] { hold_the_loop(5ms); });
  CHECK(say.take().empty());
}

TEST_CASE_FIXTURE(debug_fixture, "T-dbg-06: a step of a task that takes long is reported with the task's name and its stack") {
  loop.run_until_complete([&] {
    current_task().set_name("main");
    auto t = async(task_options{.name = "holds"}, [&] {
      yield();
      work_for_long();
      yield();
      say("goes on");
    });
    t.await();
  });
  CHECK(say.take() == "goes on");
  const auto found = work_of("holds");
  REQUIRE(found.size() == 1);
  CHECK(says(found[0].message, "Executing <Task 'holds' created at "));
  CHECK(found[0].where.line() != 0);
  CHECK(found[0].took >= 20ms);
  check_stack(found[0]);
}

TEST_CASE_FIXTURE(debug_fixture, "T-dbg-06: the step that ends a task, and one that names itself") {
  loop.run_until_complete([&] {
    current_task().set_name("late name");
    work_for_long();
  });
  if (why_no_stack_of_step().empty()) {
    REQUIRE(work_of("late name").size() == 1);
    check_stack(work_of("late name")[0]);
  }
}

TEST_CASE_FIXTURE(fixture, "T-dbg-06: time that a task waits does not count") {
  std::vector<slow_callback> slow;
  run_in_real_time([&] {
    event_loop& loop = get_running_loop();
    loop.set_debug(true);
    loop.set_slow_callback_duration(250ms);
    loop.set_slow_callback_handler([&](event_loop&, const slow_callback& s) { slow.push_back(s); });
    sleep(300ms);
  });
  CHECK(slow.empty());
}

TEST_CASE_FIXTURE(debug_fixture, "T-dbg-06: each step counts by itself, from 0 on") {
  loop.set_slow_callback_duration(0ms);
  loop.run_until_complete([&] {
    async(task_options{.name = "three steps"}, [] {
      yield();
      sleep(1h);
    }).await();
  });
  CHECK(of("three steps").size() == 3);
}

TEST_CASE_FIXTURE(debug_fixture, "a slow step on a stack that is nearly used up") {
  loop.run_until_complete([&] { async(task_options{.name = "small", .stack_size = smallest_stack}, [] { hold_the_loop(60ms); }).await(); });
  CHECK_FALSE(of("small").empty());
}

TEST_CASE_FIXTURE(debug_fixture, "a report is printed when there is no handler for it") {
  loop.set_slow_callback_handler(nullptr);
  captured_stderr output;
  loop.call_soon([] { work_for_long(); });
  run_one_pass();
  const std::string text = output.text();
  INFO(text);
  CHECK(says(text, "nakh: Executing <Handle created at "));
  CHECK(says(text, "debug_test.cpp:"));
  if (why_no_stack_of_step().empty()) {
    CHECK(says(text, "\n    "));
    CHECK(says(text, "work_for_long"));
  } else if (!why_no_stacks().empty()) {
    CHECK(says(text, "no stack: "));
  }
}

TEST_CASE_FIXTURE(debug_fixture, "what a handler of slow callbacks throws is reported; a fatal error ends the run") {
  loop.set_slow_callback_handler([&](event_loop& l, const slow_callback&) {
    l.set_slow_callback_handler(nullptr);  // while it runs
    l.set_slow_callback_duration(1h);
    throw std::runtime_error("broken");
  });
  loop.call_soon([] { work_for_long(); });
  loop.call_soon([&] { say("behind"); });
  run_one_pass();
  CHECK(say.take() == "behind");
  const report r = take_report();
  CHECK(r.message == "Unhandled error in slow callback handler");
  CHECK(r.error == "broken");

  loop.set_slow_callback_duration(40ms);
  loop.set_slow_callback_handler([&](event_loop& l, const slow_callback&) {
    l.set_slow_callback_duration(1h);
    throw system_exit(4);
  });
  loop.call_soon([] { work_for_long(); });
  CHECK(caught([&] { run_one_pass(); }) == "system_exit(4)");
}

TEST_CASE_FIXTURE(debug_fixture, "a handler of slow callbacks may not wait, and may use the loop") {
  loop.set_slow_callback_handler([&](event_loop& l, const slow_callback&) {
    say(caught([] { yield(); }));
    l.call_soon([&] { say("called"); });
    l.set_debug(false);
  });
  loop.call_soon([] { work_for_long(); });
  run_one_pass();
  run_one_pass();
  CHECK(says(say.take(), "usage_error"));
  CHECK_FALSE(loop.get_debug());
}

TEST_CASE_FIXTURE(debug_fixture, "debug mode is turned off and on while the loop runs") {
  loop.run_until_complete([&] {
    current_task().set_name("main");
    loop.set_debug(false);
    yield();
    work_for_long();
    yield();
    CHECK(work_of("main").empty());
    loop.set_debug(true);
    work_for_long();
    yield();  // the step that was under way is not measured
    CHECK(work_of("main").empty());
    work_for_long();
    yield();
    CHECK(work_of("main").size() == 1);
  });
}

TEST_CASE("debug mode is turned on by the environment and by the loop's options") {
  CHECK_FALSE(event_loop(loop_options{.debug = false}).get_debug());
  CHECK(event_loop(loop_options{.debug = true}).get_debug());
  {
    const environment variable("NAKH_DEBUG", "1");
    CHECK(event_loop().get_debug());
    CHECK_FALSE(event_loop(loop_options{.debug = false}).get_debug());
    CHECK(nakh::run([] { return get_running_loop().get_debug(); }));
  }
  for (const char* off : {"", "0"}) {
    const environment variable("NAKH_DEBUG", off);
    CHECK_FALSE(event_loop().get_debug());
  }
  {
    const environment variable("NAKH_DEBUG", "yes");
    CHECK(event_loop().get_debug());
  }
  run_options options;
  options.loop.debug = true;
  CHECK(nakh::run(options, [] { return get_running_loop().get_debug(); }));
}

TEST_CASE("loops of two threads are measured each by itself") {
  std::vector<std::string> slow[2];
  const auto hold = [&](std::size_t own) {
    run_options options;
    options.loop.debug = true;
    nakh::run(options, [&] {
      event_loop& loop = get_running_loop();
      loop.set_slow_callback_duration(40ms);
      loop.set_slow_callback_handler([&](event_loop&, const slow_callback& s) { slow[own].push_back(s.source); });
      for (int i = 0; i < 3; ++i) {
        async(task_options{.name = "of " + std::to_string(own)}, [] { hold_the_loop(60ms); }).await();
      }
    });
  };
  std::thread other([&] { hold(1); });
  hold(0);
  other.join();
  for (const std::size_t own : {std::size_t{0}, std::size_t{1}}) {
    CHECK(std::count(slow[own].begin(), slow[own].end(), "of " + std::to_string(own)) == 3);
    CHECK(std::count(slow[own].begin(), slow[own].end(), "of " + std::to_string(1 - own)) == 0);
  }
}

TEST_CASE("a scenario is explored in debug mode as without it") {
  const environment variable("NAKH_DEBUG", "1");
  int runs = 0;
  testing::explore({.seeds = 20}, [&] {
    ++runs;
    auto t = async([] { yield(); });
    yield();
    t.await();
  });
  CHECK(runs > 1);
}

TEST_CASE_FIXTURE(debug_fixture, "T-dbg-07: in debug mode another thread may not use a loop that runs") {
  loop.set_slow_callback_duration(1h);
  const auto callback = [&] { say("called"); };
  loop.run_until_complete([&] {
    const auto f = loop.create_future<int>();
    in_another_thread([&] {
      say(caught([&] { loop.call_soon(callback); }));
      say(caught([&] { loop.call_later(1s, callback); }));
      say(caught([&] { loop.call_at(time_point{}, callback); }));
      say(caught([&] { static_cast<void>(loop.create_task(callback)); }));
      say(caught([&] { f.set_result(1); }));
      say(caught([&] { f.set_exception(std::runtime_error("boom")); }));
      say(caught([&] { f.cancel("now"); }));
    });
    CHECK(say.take() == "usage_error usage_error usage_error usage_error usage_error usage_error usage_error");
    CHECK_FALSE(f.done());
    in_another_thread([&] {
      try {
        loop.call_soon(callback);
      } catch (const usage_error& e) {
        CHECK(says(e.what(), "call_soon was called in another thread"));
        CHECK(says(e.what(), "use call_soon_threadsafe"));
      }
    });
    sleep(2s);
    CHECK(say.take().empty());

    loop.call_soon(callback);
    sleep(1s);
    CHECK(say.take() == "called");
  });
}

TEST_CASE_FIXTURE(debug_fixture, "T-dbg-07: a thread with a loop of its own is another thread all the same") {
  loop.set_slow_callback_duration(1h);
  loop.run_until_complete([&] { in_another_thread([&] { nakh::run([&] { say(caught([&] { loop.call_soon([] {}); })); }); }); });
  CHECK(say.take() == "usage_error");
}

TEST_CASE_FIXTURE(debug_fixture, "T-dbg-07: a loop that does not run is not bound to a thread") {
  loop.set_slow_callback_duration(1h);
  in_another_thread([&] { loop.call_soon([&] { say("called"); }); });
  run_one_pass();
  CHECK(say.take() == "called");
}

TEST_CASE_FIXTURE(loop_fixture, "T-dbg-07: in normal mode the thread is not checked") {
  loop.run_until_complete([&] {
    // Nothing runs at the same time here, so that it can do no harm.
    in_another_thread([&] { say(caught([&] { loop.call_soon([&] { say("called"); }); })); });
    yield();
  });
  CHECK(say.take() == "nothing called");
}

TEST_CASE_FIXTURE(loop_fixture, "T-dbg-08: call_soon_threadsafe is allowed from any thread in both modes") {
  for (const bool debug : {false, true}) {
    loop.set_debug(debug);
    loop.set_slow_callback_duration(1h);
    loop.run_until_complete([&] {
      loop.call_soon_threadsafe([&] { say("own"); });
      in_another_thread([&] { say(caught([&] { loop.call_soon_threadsafe([&] { say("other"); }); })); });
      sleep(1s);
    });
    CHECK(say.take() == "nothing own other");
  }
}

TEST_CASE_FIXTURE(fixture, "T-dbg-09: a task that is still suspended when its loop is closed is cancelled, and unwinds") {
  event_loop loop(loop_options{.clock = &clock});
  watch(loop);
  struct at_end {
    trace& say;
    ~at_end() { say("destroyed"); }
  };
  auto suspended = loop.create_task([&] {
    const at_end object{say};
    try {
      event_loop& own = get_running_loop();
      own.create_future<void>().await();
    } catch (const cancelled_error&) {
      say("cancelled_error");  // differs: a suspended fiber is never unwound by force
      throw;
    }
  });
  loop.stop();
  loop.run_forever();
  auto never_begun = loop.create_task([&] { say("never"); });
  CHECK(say.take().empty());
  loop.close();
  CHECK(say.take() == "cancelled_error destroyed");
  CHECK(suspended.cancelled());
  CHECK(never_begun.cancelled());
  REQUIRE(reports.size() == 2);
  for (const report& r : reports) CHECK(r.message == "Task was destroyed but it is pending");
  reports.clear();
  check_nothing_left(loop);
}

TEST_CASE_FIXTURE(debug_fixture, "T-dbg-10: a report of a future says in debug mode where it was created") {
  loop.set_slow_callback_duration(1h);
  loop.run_until_complete([&] {
    source_location where;
    {
      where = source_location::current();
      future<int>().set_exception(std::runtime_error("boom"));
    }
    CHECK(take_report().line == where.line() + 1);
    {
      where = source_location::current();
      loop.create_future<int>().set_exception(std::runtime_error("boom"));
    }
    CHECK(take_report().line == where.line() + 1);

    const future<int> seen;
    CHECK(call_graph(seen).tasks.at(0).where.line() != 0);

    loop.set_debug(false);
    future<int>().set_exception(std::runtime_error("boom"));
    CHECK(take_report().line == 0);
  });
}

TEST_CASE_FIXTURE(debug_fixture, "T-dbg-10: reports of tasks and handles say so in any mode") {
  for (const bool debug : {false, true}) {
    loop.set_debug(debug);
    loop.set_slow_callback_duration(1h);
    const auto where = source_location::current();
    loop.call_soon([] { throw std::runtime_error("boom"); });
    run_one_pass();
    CHECK(take_report().line == where.line() + 1);
    static_cast<void>(loop.create_task([] { throw std::runtime_error("boom"); }));
    run_one_pass();
    CHECK(take_report().line == where.line() + 4);
  }
}

TEST_CASE_FIXTURE(fixture, "T-dbg-10: a future outlives its loop, and still knows where it was created") {
  future<int> kept = [&] {
    event_loop loop(loop_options{.clock = &clock, .debug = true});
    return loop.create_future<int>();
  }();
  CHECK(call_graph(kept).tasks.at(0).where.line() != 0);
}
