// SPDX-License-Identifier: BSL-1.0
// What lives how long, and what it costs: memory, allocations, failures of both.
#include <nakh/nakh.hpp>

#include "sanitizers.hpp"
#include "support/allocations.hpp"
#include "support/captured_stderr.hpp"
#include "support/fixture.hpp"

#include <nakh/lowlevel.hpp>
#include <nakh/testing.hpp>

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <new>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

using namespace nakh;
using namespace nakh::test;
using namespace std::chrono_literals;
using lowlevel::waker;

namespace {

/// False in builds whose blocks come from the allocator each time, so that a tool sees each use after free.
bool blocks_are_pooled() {
  detail::free_block(detail::allocate_block(40), 40);
  const long before = allocator.made;
  detail::free_block(detail::allocate_block(40), 40);
  if (allocator.made != before) MESSAGE("skipped: in this build blocks are not kept");
  return allocator.made == before;
}

// --- Objects that are counted ---

/// Knows how many of its kind live, and whether each was made before it was used and is destroyed once. Can be told to
/// throw at a copy or move.
class object {
 public:
  object() { begin(); }
  explicit object(int v) : value(v) { begin(); }
  object(const object& other) : value(other.checked().value) {
    may_throw();
    begin();
  }
  object(object&& other) : value(other.checked().value) {
    may_throw();
    begin();
  }
  object& operator=(const object& other) {
    may_throw();
    checked().value = other.checked().value;
    return *this;
  }
  object& operator=(object&& other) { return *this = other; }
  ~object() {
    checked();
    self_ = nullptr;
    --alive;
  }

  int value = 0;

  static inline int alive = 0;
  static inline int wrong = 0;         ///< Uses of what was not there.
  static inline int copies_left = -1;  ///< Until one throws; negative: none does.

 private:
  void begin() noexcept {
    self_ = this;
    ++alive;
  }
  const object& checked() const noexcept {
    if (self_ != this) ++wrong;
    return *this;
  }
  object& checked() noexcept {
    if (self_ != this) ++wrong;
    return *this;
  }
  static void may_throw() {
    if (copies_left == 0) {
      copies_left = -1;
      throw std::runtime_error("copy");
    }
    if (copies_left > 0) --copies_left;
  }

  object* volatile self_;
};

/// Proves at its end that no object is left, and none was destroyed twice.
class counting_fixture : public fixture {
 public:
  counting_fixture() {
    object::alive = 0;
    object::wrong = 0;
    object::copies_left = -1;
  }
  ~counting_fixture() {
    CHECK(object::alive == 0);
    CHECK(object::wrong == 0);
  }
  counting_fixture(const counting_fixture&) = delete;
  counting_fixture& operator=(const counting_fixture&) = delete;
};

/// The same around a loop that the case drives itself.
class counting_loop_fixture : public counting_fixture {
 public:
  counting_loop_fixture() { watch(*loop); }
  ~counting_loop_fixture() { close(); }
  counting_loop_fixture(const counting_loop_fixture&) = delete;
  counting_loop_fixture& operator=(const counting_loop_fixture&) = delete;
  void close() {
    if (!loop) return;
    loop->close();
    check_nothing_left(*loop);
    loop.reset();
  }
  void run_passes(int count) const {
    for (int i = 0; i < count; ++i) {
      loop->stop();
      loop->run_forever();
    }
  }
  /// Drops the reports of tasks that were pending when the loop was closed; how many they were.
  int take_pending_reports() {
    return static_cast<int>(std::erase_if(reports, [](const report& r) { return r.message == "Task was destroyed but it is pending"; }));
  }

  std::unique_ptr<event_loop> loop = std::make_unique<event_loop>(loop_options{.clock = &clock});
};

/// A wait that nothing but a waker ends.
void park_for_good() {
  lowlevel::wait_op op;
  lowlevel::park(op);
}

}  // namespace

// --- Every copy and move fails in turn ---

namespace {

int results_and_arguments() {
  const auto doubled = [](object o) { return object(o.value * 2); };
  const object argument(1);
  auto a = async(doubled, argument);
  auto b = async([captured = argument] { return captured; });
  const future<object> f;
  f.set_result(argument);
  int sum = a.await().value + a.result().value + std::move(b).await().value + f.await().value;
  const auto all = gather(std::vector{async(doubled, argument), async(doubled, object(2))});
  sum += all[0].value + all[1].value;
  const auto [c, d] = gather(async(doubled, object(3)), f);
  sum += c.value + d.value;
  for (const auto& o : gather(return_exceptions, std::vector{async(doubled, object(4)), a})) sum += o.value().value;
  sum += shield(async(doubled, object(5))).await().value;
  sum += wait_for(async(doubled, object(6)), 1s).value;
  sum += timeout(1s, [&] { return argument; }).value;
  sum += sleep(1s, argument).value;
  return sum;
}

}  // namespace

TEST_CASE_FIXTURE(counting_fixture,
                  "each copy and move of a result, an argument or a capture throws in turn: the error comes out, and no object is left") {
  int failed = 0;
  for (int k = 0;; ++k) {
    object::copies_left = k;
    int sum = 0;
    const std::string error = caught([&] { sum = run(results_and_arguments); });
    const bool passed_whole = object::copies_left >= 0;
    object::copies_left = -1;
    REQUIRE(object::alive == 0);
    REQUIRE(object::wrong == 0);
    if (error == "nothing") {
      CHECK(sum == 2 + 2 + 1 + 1 + 2 + 4 + 6 + 1 + 8 + 2 + 10 + 12 + 1 + 1);
    } else {
      CHECK(error == "copy");
      ++failed;
    }
    // Those of tasks whose results nobody asked for any more.
    std::erase_if(reports, [](const report& r) { return r.error == "copy" && r.message == "Task exception was never retrieved"; });
    if (passed_whole) break;
  }
  CHECK(failed > 30);
}

TEST_CASE_FIXTURE(counting_fixture, "set_result whose copy throws leaves the future pending, and it takes another") {
  run([&] {
    const future<object> f;
    const object o(3);
    object::copies_left = 0;
    CHECK(caught([&] { f.set_result(o); }) == "copy");
    CHECK_FALSE(f.done());
    f.set_result(o);
    CHECK(f.result().value == 3);
  });
}

// --- Objects ---

TEST_CASE_FIXTURE(counting_fixture, "a task's closure goes when its body has ended, its result with the last handle") {
  run([&] {
    auto t = async([o = object()] { return object(o.value + 5); });
    CHECK(object::alive == 1);
    yield();
    CHECK(object::alive == 1);
    auto copy = t;
    t = async([] { return object(); });
    CHECK(copy.result().value == 5);
    CHECK(object::alive == 1);
    copy = t;
    CHECK(object::alive == 0);
    t.await();
    CHECK(object::alive == 1);
  });
}

TEST_CASE_FIXTURE(counting_fixture, "the handle of a running task is dropped: it goes on, and leaves nothing") {
  run([&] {
    static_cast<void>(async([&, o = object()] {
      const object local;
      sleep(1s);
      say("ended");
      return object();
    }));
    CHECK(object::alive == 1);
    yield();
    CHECK(object::alive == 2);
    sleep(2s);
    CHECK(object::alive == 0);
  });
  CHECK(say.take() == "ended");
}

TEST_CASE_FIXTURE(counting_fixture, "the handle of a task that has not begun is dropped: it runs all the same") {
  run([&] {
    static_cast<void>(async([&, o = object()] { say("ran"); }));
    static_cast<void>(async(task_options{.name = "named"}, [&](const object&) { say("ran"); }, object()));
    yield();
    CHECK(object::alive == 0);
  });
  CHECK(say.take() == "ran ran");
}

TEST_CASE_FIXTURE(counting_fixture, "a task that is cancelled before it begins: its closure goes, and no body runs") {
  run([&] {
    auto t = async([&](const object&) { say("never"); }, object());
    t.cancel();
    CHECK(object::alive == 1);
    yield();
    CHECK(t.cancelled());
    CHECK(object::alive == 0);
  });
  CHECK(say.take().empty());
}

TEST_CASE_FIXTURE(counting_fixture, "a result of a task that was cancelled at its very end goes at once") {
  run([&] {
    auto t = async([] {
      current_task().cancel();
      return object();
    });
    yield();
    CHECK(t.cancelled());
    CHECK(object::alive == 0);
  });
}

TEST_CASE_FIXTURE(counting_fixture, "a moved-out result goes with who has it; a copied one stays") {
  run([&] {
    auto t = async([] { return object(7); });
    {
      const object copy = t.await();
      CHECK(copy.value == 7);
      CHECK(object::alive == 2);
    }
    CHECK(object::alive == 1);
    const object moved = std::move(t).await();
    CHECK(object::alive == 1);
    CHECK(moved.value == 7);
  });
}

TEST_CASE_FIXTURE(counting_fixture, "an exception lives as long as its task, whoever caught it") {
  struct error : std::runtime_error {
    error() : runtime_error("boom") {}
    object o;
  };
  run([&] {
    auto t = async([]() -> int { throw error(); });
    CHECK(caught([&] { t.await(); }) == "boom");
    CHECK(caught([&] { gather(t, t); }) == "boom");
    CHECK(caught([&] { shield(t).await(); }) == "boom");
    CHECK(object::alive == 1);
    t = async([] { return 1; });
    CHECK(object::alive == 0);
    static_cast<void>(async([]() -> int { throw error(); }));
    yield();
    CHECK(object::alive == 0);
    CHECK(take_report_error() == "boom");
  });
}

TEST_CASE_FIXTURE(counting_fixture, "locals of cancelled tasks are destroyed once, in whatever they wait") {
  run([&] {
    const future<> never;
    std::vector<task<>> tasks;
    const auto in = [&](auto wait) {
      tasks.push_back(async([wait, o = object()] {
        const object local;
        wait();
      }));
    };
    in([] { sleep(1h); });
    in([&] { never.await(); });
    in([&] { shield(never).await(); });
    in([] { gather([] { sleep(1h); }, [o = object()] { sleep(2h); }); });
    in([] { wait_for([] { sleep(1h); }, 30min); });
    in([] { timeout(30min, [o = object()] { sleep(1h); }); });
    in([&] { nakh::wait(std::vector{future<>(), future<>()}); });
    in([&] {
      for (const auto& f : as_completed(std::vector{future<>(), future<>()}, 1h)) f.result();
    });
    in([] {
      for (;;) yield();
    });
    yield();
    yield();
    CHECK(object::alive > 18);
    for (const auto& t : tasks) CHECK(t.cancel());
    nakh::wait(tasks);
    for (const auto& t : tasks) CHECK(t.cancelled());
    CHECK(object::alive == 0);
    CHECK(all_tasks().size() == 1);
    CHECK(get_running_loop().pending_timers() == 0);
  });
}

// --- Early drops ---

TEST_CASE_FIXTURE(counting_fixture, "a future is dropped by whoever would have completed it: its awaiter waits on, until it is cancelled") {
  run([&] {
    std::optional<future<object>> f;
    f.emplace();
    f->add_done_callback([o = object(), this] { say("done"); });
    auto waits = async([pinned = *f] { pinned.await(); });
    auto waits_by_gather = async([pinned = *f] { gather(pinned, pinned); });
    yield();
    f.reset();
    sleep(1h);
    CHECK_FALSE(waits.done());
    CHECK_FALSE(waits_by_gather.done());
    CHECK(waits.cancel());
    CHECK(caught([&] { waits_by_gather.await(); }) == "cancelled_error");
    CHECK(caught([&] { waits.await(); }) == "cancelled_error");
  });
  CHECK(say.take() == "done");  // cancelled is done
}

TEST_CASE_FIXTURE(counting_fixture, "a future that nobody knows any more drops its callbacks unrun") {
  run([&] {
    {
      const future<object> f;
      for (int i = 0; i < 10; ++i) f.add_done_callback([o = object(), this] { say("never"); });
      CHECK(object::alive == 10);
    }
    CHECK(object::alive == 0);
  });
  CHECK(say.take().empty());
}

TEST_CASE_FIXTURE(counting_fixture, "a future that goes between its end and its callbacks' turn stays for them") {
  run([&] {
    {
      const future<object> f;
      f.add_done_callback([this](const future<object>& done) { say("value", done.result().value); });
      f.set_result(object(4));
    }
    CHECK(object::alive == 1);
    yield();
    CHECK(object::alive == 0);
  });
  CHECK(say.take() == "value4");
}

TEST_CASE_FIXTURE(counting_fixture, "a callback that refers to its own future, taken back or not: no circle keeps both") {
  run([&] {
    {
      const future<object> f;
      const auto id = f.add_done_callback([f, o = object()] {});
      CHECK(f.remove_done_callback(id) == 1);
    }
    CHECK(object::alive == 0);
    {
      const future<object> f;
      f.add_done_callback([f, o = object()] {});
      f.set_result(object());
    }
    yield();
    CHECK(object::alive == 0);
  });
}

TEST_CASE_FIXTURE(counting_fixture, "a gather is dropped: its children run to their ends, and nothing is left of it") {
  run([&] {
    const auto child = [&](duration d) {
      return async([this, d, o = object()] {
        sleep(d);
        say("ended");
        return object();
      });
    };
    {
      const auto g = gather_future(child(1s), child(2s), std::vector<future<int>>().empty() ? child(3s) : child(4s));
      const auto h = gather_future(return_exceptions, std::vector{child(1s), child(2s)});
      sleep(1500ms);
    }
    sleep(10s);
    CHECK(object::alive == 0);
  });
  CHECK(say.take() == "ended ended ended ended ended");
}

TEST_CASE_FIXTURE(counting_fixture, "a gather is dropped in the pass between a child's end and its own") {
  run([&] {
    for (int passes = 0; passes < 4; ++passes) {
      const future<object> f;
      {
        const auto g = gather_future(f, f, async([] { return object(); }));
        f.set_result(object());
        give_up_passes(passes);
      }
      give_up_passes(2);
    }
    CHECK(object::alive == 0);
  });
}

TEST_CASE_FIXTURE(counting_fixture, "a shield is dropped before its task ends, after it, and in the pass between") {
  run([&] {
    for (int passes = 0; passes < 5; ++passes) {
      auto t = async([] {
        yield();
        return object();
      });
      {
        const auto s = shield(t);
        give_up_passes(passes);
      }
      give_up_passes(3);
      CHECK(object::alive == 1);
    }
    CHECK(object::alive == 0);
  });
}

TEST_CASE_FIXTURE(counting_fixture, "as_completed is left in the middle, and by an error") {
  run([&] {
    std::vector<task<object>> tasks;
    for (int i = 0; i < 5; ++i) tasks.push_back(async([i] { return sleep(std::chrono::seconds(i), object(i)); }));
    for (const auto& t : as_completed(tasks, 1h)) {
      if (t.result().value == 2) break;
    }
    CHECK(get_running_loop().pending_timers() == 2);  // of the two sleepers
    CHECK(caught([&] {
            for (const auto& t : as_completed(tasks)) {
              if (t.result().value == 3) throw std::runtime_error("boom");
            }
          }) == "boom");
    CHECK(gather(tasks).size() == 5);
  });
}

TEST_CASE_FIXTURE(counting_loop_fixture, "dropped handles of callbacks and timers: they run all the same, and their closures go then") {
  {
    loop->call_soon([this, o = object()] { say("call"); });
    loop->call_later(1s, [this, o = object()] { say("timer"); });
    loop->call_soon_threadsafe([this, o = object()] { say("threadsafe"); });
  }
  CHECK(object::alive == 3);
  run_passes(1);
  CHECK(object::alive == 1);
  loop->call_later(2s, [this] { loop->stop(); });
  loop->run_forever();
  CHECK(object::alive == 0);
  CHECK(say.take() == "call threadsafe timer");
}

TEST_CASE_FIXTURE(counting_loop_fixture,
                  "a kept handle keeps the closure of what has run, and cancelling takes it at once of what has not") {
  auto ran = loop->call_soon([o = object()] {});
  auto waits = loop->call_later(1h, [o = object()] {});
  run_passes(1);
  CHECK(object::alive == 2);
  waits.cancel();
  waits = loop->call_later(1h, [] {});
  CHECK(object::alive == 1);
  ran = loop->call_soon([] {});
  CHECK(object::alive == 0);
}

TEST_CASE_FIXTURE(counting_loop_fixture, "handles outlive their loop") {
  auto call = loop->call_soon([o = object()] {});
  auto timer = loop->call_later(1h, [o = object()] {});
  auto threadsafe = loop->call_soon_threadsafe([o = object()] {});
  close();
  call.cancel();
  timer.cancel();
  threadsafe.cancel();
  CHECK(object::alive == 3);
}

TEST_CASE_FIXTURE(counting_loop_fixture, "futures and tasks outlive their loop, and can be completed, asked and dropped") {
  auto f = loop->create_future<object>();
  f.add_done_callback([o = object(), this] { say("never"); });
  auto g = loop->create_future<object>();
  auto ended = loop->create_task([] { return object(6); });
  auto pending = loop->create_task([o = object()] { sleep(1h); });
  run_passes(2);
  close();
  CHECK(take_pending_reports() == 1);
  CHECK(ended.result().value == 6);
  CHECK(pending.cancelled());
  f.set_result(object());
  CHECK(g.cancel());
  g.add_done_callback([o = object(), this] { say("never"); });
  CHECK(object::alive == 2);  // the two results
  CHECK(say.take().empty());
}

// --- Closing a loop ---

TEST_CASE_FIXTURE(counting_loop_fixture, "closed with everything pending: all is told to end, nothing is left") {
  event_loop& l = *loop;
  const auto never = std::make_unique<future<object>>(l.create_future<object>());
  int tasks = 0;
  int unwound = 0;
  const auto pending_in = [&](auto wait) {
    ++tasks;
    static_cast<void>(l.create_task([&unwound, wait, o = object()] {
      const object local;
      try {
        wait();
      } catch (const cancelled_error&) {
        ++unwound;
        throw;
      }
    }));
  };
  pending_in([] { sleep(1h); });
  pending_in([] { sleep_until(time_point::max()); });
  pending_in([&] { never->await(); });
  pending_in([&] { shield(*never).await(); });
  pending_in([&] { shield([o = object()] { sleep(1h); }).await(); });
  pending_in([&] { gather(*never, [o = object()] { sleep(1h); }); });
  pending_in([&] { gather(return_exceptions, *never, *never); });
  pending_in([&] { nakh::wait(std::vector{*never}, {.timeout = 1h}); });
  pending_in([&] { as_completed(std::vector{*never}, 1h).next(); });
  pending_in([&] { wait_for(*never, 1h); });
  pending_in([&] { wait_for([&] { never->await(); }, 1h); });
  pending_in([&] { timeout(1h, [&](timeout_scope&) { sleep(2h); }); });
  pending_in([&] { timeout_at(time_point::max(), [&] { never->await(); }); });
  pending_in([] {
    for (;;) yield();
  });
  tasks += 2;  // made by shield and gather
  run_passes(3);
  const int begun = tasks - 2;
  // And what has not begun, or stands in the queue.
  for (int i = 0; i < 3; ++i) pending_in([] {});
  l.call_soon([this, o = object()] { say("never"); });
  l.call_soon_threadsafe([this, o = object()] { say("never"); });
  l.call_later(0s, [this, o = object()] { say("never"); });
  l.call_later(1h, [this, o = object()] { say("never"); });
  never->add_done_callback([o = object()] {});  // runs when a task that awaits it hands its cancellation on
  close();
  CHECK(take_pending_reports() == tasks);
  CHECK(unwound == begun);
  CHECK(say.take().empty());
}

TEST_CASE_FIXTURE(counting_loop_fixture, "closed in the pass after a result was set: nothing is left of it, nor of who was woken") {
  const auto f = loop->create_future<object>();
  static_cast<void>(loop->create_task([&] { say(caught([&] { f.await(); })); }));
  static_cast<void>(loop->create_task([&] { say(caught([&] { gather(f, f); })); }));
  run_passes(2);
  loop->call_soon([&] { f.set_result(object(8)); });
  run_passes(1);
  close();
  CHECK(say.take() == "cancelled_error cancelled_error");  // as any task that is cancelled after it was woken
  CHECK(take_pending_reports() == 2);
}

TEST_CASE_FIXTURE(counting_loop_fixture, "closed while tasks clean up with waits, timers and tasks of their own") {
  for (int i = 0; i < 5; ++i) {
    static_cast<void>(loop->create_task([this, o = object()] {
      try {
        sleep(1h);
      } catch (const cancelled_error&) {
        static_cast<void>(async([o2 = object()] { sleep(1h); }));
        get_running_loop().call_later(1h, [o2 = object()] {});
        get_running_loop().call_soon([this, o2 = object()] { say("call"); });
        give_up_passes(3);
        throw;
      }
    }));
  }
  run_passes(2);
  close();
  static_cast<void>(take_pending_reports());
}

namespace {

/// A closure's part that takes other callbacks back when it goes, as the owner of a timer does.
struct takes_back {
  explicit takes_back(std::vector<handle>& all) : victims(&all) {}
  takes_back(takes_back&& other) noexcept : victims(std::exchange(other.victims, nullptr)) {}
  takes_back& operator=(takes_back&&) = delete;
  ~takes_back() {
    if (victims == nullptr) return;
    for (handle& h : *victims) h.cancel();
  }
  std::vector<handle>* victims;
};

}  // namespace

TEST_CASE_FIXTURE(counting_loop_fixture, "closed with timers whose closures take other timers back when they go") {
  for (const int count : {2, 3, 10, 100}) {
    event_loop l(loop_options{.clock = &clock});
    std::vector<handle> victims;
    for (int i = 0; i < count; ++i) {
      l.call_later(std::chrono::seconds(i), [t = takes_back(victims), o = object()] {});
      victims.push_back(l.call_later(std::chrono::seconds(2 * count - i), [o = object()] {}));
    }
    l.close();
    CHECK(l.pending_timers() == 0);
    CHECK(object::alive == count);  // kept by the handles
    for (const handle& h : victims) CHECK(h.cancelled());
  }
}

TEST_CASE_FIXTURE(counting_loop_fixture, "closed with callbacks whose closures take other callbacks back when they go") {
  std::vector<handle> victims;
  for (int i = 0; i < 10; ++i) {
    loop->call_soon([t = takes_back(victims), o = object()] {});
    victims.push_back(loop->call_soon([o = object()] {}));
    loop->call_later(1s, [t = takes_back(victims), o = object()] {});
  }
  close();
  CHECK(object::alive == 10);
}

TEST_CASE_FIXTURE(counting_loop_fixture, "closed with closures that complete futures and cancel tasks when they go") {
  const auto f = loop->create_future<void>();
  const auto t = loop->create_task([&, o = object()] {
    f.await();
    sleep(1h);
  });
  run_passes(1);
  struct completes {
    completes(const future<>& f, const task<>& t) : to_complete(f), to_cancel(t) {}
    completes(const completes&) = delete;
    completes& operator=(const completes&) = delete;
    ~completes() {
      if (!to_complete.done()) to_complete.set_result();
      to_cancel.cancel();
    }
    future<> to_complete;
    task<> to_cancel;
  };
  loop->call_soon([c = std::make_shared<completes>(f, t), o = object()] {});
  loop->call_later(1s, [c = std::make_shared<completes>(f, t), o = object()] {});
  close();
  CHECK(t.cancelled());
  CHECK(take_pending_reports() == 1);
}

// --- No memory ---

namespace {

/// Errors that want of memory may become.
bool is_for_want_of_memory(const std::string& error) { return error == "bad_alloc" || error == "stack_exhausted"; }

/// A bit of everything that allocates, in a task. Its callbacks and tasks refer to nothing of it: it may end early.
int everything() {
  event_loop& loop = get_running_loop();
  int sum = 0;
  const future<int> f;
  f.add_done_callback([o = object()] {});
  const auto call = loop.call_soon([o = object()] {});
  loop.call_later(1s, [f, o = object()] {
    if (!f.done()) f.set_result(1);
  });
  const auto taken_back = loop.call_later(1s, [o = object()] {});
  auto named = async(task_options{.name = "a name that is too long to stand in a string itself"}, [f, o = object()] { return f.await(); });
  named.add_done_callback([o = object()](const future<int>&) {});
  sum += wait_for(named, 1h);
  const auto sleeps = [](int value) { return [value, o = object()] { return sleep(std::chrono::seconds(value), value); }; };
  const auto [a, b, c] = gather(async(sleeps(2)), sleeps(3), f);
  sum += a + b + c;
  std::vector<task<int>> many;
  for (int i = 0; i < 70; ++i) many.push_back(async(sleeps(1)));
  for (const int n : gather(many)) sum += n;
  for (const auto& o : gather(return_exceptions, many)) sum += o.value();
  many.resize(3, async(sleeps(1)));
  for (const auto& t : as_completed(many, 1h)) sum += t.result();
  sum += static_cast<int>(nakh::wait(many, {.timeout = 1s}).done.size());
  sum += shield(sleeps(4)).await();
  try {
    timeout(1s, [] { sleep(1h); });
  } catch (const timeout_error&) {
    ++sum;
  }
  auto stopped = async(sleeps(100));
  yield();
  stopped.cancel("a reason that is too long to stand in a string itself");
  try {
    stopped.await();
  } catch (const cancelled_error& e) {
    sum += e.reason().empty() ? 0 : 1;
  }
  auto failing = async([o = object()]() -> int { throw std::runtime_error("a message that is too long to stand in a string itself"); });
  try {
    failing.await();
  } catch (const std::runtime_error&) {
    ++sum;
  }
  return sum;
}
constexpr int everything_sums_to = 1 + 6 + 70 + 70 + 3 + 3 + 4 + 3;

/// What leaves `f`, found out with memory at hand.
template <class F>
std::string caught_without_memory(F&& f) {
  try {
    f();
  } catch (...) {
    const allocator_state saved = std::exchange(allocator, {});
    std::string name = caught(std::current_exception());
    allocator = saved;
    return name;
  }
  return "nothing";
}

struct outcome_without_memory {
  std::string error = "nothing";
  int result = 0;
  bool passed_whole = false;  ///< No allocation failed.
  long blocks_left = 0;
  long descriptors_left = 0;
  int wrong_reports = 0;
  std::string close_error = "nothing";
};

/// Runs `f(outcome)` in a thread of its own, whose pools are empty, while the `k`th allocation fails.
template <class F>
outcome_without_memory run_with_failure(long k, bool and_rest, F f) {
  outcome_without_memory out;
  const auto descriptors_before = static_cast<long>(open_descriptors());
  const long blocks_before = blocks_alive;
  std::thread([&] {
    allocator.left = k;
    allocator.and_rest = and_rest;
    out.error = caught_without_memory([&] { f(out); });
    out.passed_whole = allocator.left > 0;
    allocator = {};
  }).join();
  out.blocks_left = blocks_alive - blocks_before;
  out.descriptors_left = static_cast<long>(open_descriptors()) - descriptors_before;
  return out;
}

/// In a loop whose reports are looked at, and which is closed before memory is back.
void everything_in_a_loop(outcome_without_memory& out) {
  virtual_clock time;
  event_loop loop(loop_options{.clock = &time});
  loop.set_exception_handler([&out](event_loop&, const exception_context& c) {
    const allocator_state saved = std::exchange(allocator, {});
    if (c.exception && !is_for_want_of_memory(caught(c.exception))) ++out.wrong_reports;
    allocator = saved;
  });
  struct close_at_end {
    event_loop& to_close;
    outcome_without_memory& tells;
    ~close_at_end() {
      tells.close_error = caught_without_memory([this] { to_close.close(); });
    }
  } const at_end{loop, out};
  out.result = loop.run_until_complete(everything);
}
/// As most programs do; the reports are printed.
void everything_in_a_run(outcome_without_memory& out) {
  virtual_clock time;
  out.result = run(run_options{.clock = &time}, everything);
}

/// Lets each allocation of `f` fail in turn, until it passes whole.
void fail_each_allocation(bool and_rest, void (*f)(outcome_without_memory&)) {
  if (!allocations_are_ours()) return;
  // What is made once in a program is there after this.
  CHECK(run_with_failure(1'000'000, false, f).result == everything_sums_to);
  captured_stderr printed;
  int failed = 0;
  for (long k = 0;; ++k) {
    CAPTURE(k);
    const auto out = run_with_failure(k, and_rest, f);
    REQUIRE(object::alive == 0);
    REQUIRE(object::wrong == 0);
    REQUIRE(out.blocks_left == 0);
    CHECK(out.descriptors_left == 0);
    REQUIRE(out.wrong_reports == 0);
    REQUIRE(out.close_error == "nothing");
    REQUIRE((out.error == "nothing" || is_for_want_of_memory(out.error)));
    if (out.error == "nothing") REQUIRE(out.result == everything_sums_to);
    if (out.error != "nothing") ++failed;
    if (out.passed_whole) break;
  }
  CHECK(failed > 100);
}

}  // namespace

TEST_CASE_FIXTURE(counting_fixture, "each allocation of a loop and its tasks fails in turn: bad_alloc, no leak, and the loop is closed") {
  fail_each_allocation(false, everything_in_a_loop);
}
TEST_CASE_FIXTURE(counting_fixture, "each allocation of a run fails in turn: bad_alloc, and no leak") {
  fail_each_allocation(false, everything_in_a_run);
}
TEST_CASE_FIXTURE(counting_fixture,
                  "memory ends at each allocation of a loop and its tasks in turn, and is not back when the loop is closed") {
  fail_each_allocation(true, everything_in_a_loop);
}
TEST_CASE_FIXTURE(counting_fixture, "memory ends at each allocation of a run in turn") { fail_each_allocation(true, everything_in_a_run); }

TEST_CASE_FIXTURE(counting_fixture, "each allocation fails in turn while a loop waits in real time: a later run goes on to the end") {
  if (!allocations_are_ours()) return;
  int failed = 0;
  for (long k = 0; k < 60; ++k) {
    CAPTURE(k);
    event_loop loop;
    watch(loop);
    auto t = loop.create_task([] {
      for (int i = 0; i < 3; ++i) sleep(100us);
      return 1;
    });
    allocator.left = k;
    const std::string error = caught_without_memory([&] { loop.run_until_complete(t); });
    allocator = {};
    if (error != "nothing") {
      CHECK(error == "bad_alloc");
      ++failed;
    }
    if (!t.done()) {
      // Instead of a test that hangs:
      const std::jthread guard([&](const std::stop_token& over) {
        for (int i = 0; i < 3000 && !over.stop_requested(); ++i) std::this_thread::sleep_for(1ms);
        loop.call_soon_threadsafe([&] { loop.stop(); });
      });
      REQUIRE(caught([&] { loop.run_until_complete(t); }) == "nothing");
    }
  }
  CHECK(failed > 0);
}

TEST_CASE_FIXTURE(counting_fixture,
                  "each allocation of a run that watches SIGINT fails in turn: the next run of the same runner can be interrupted") {
  if (!allocations_are_ours()) return;
  captured_stderr printed;
  int failed = 0;
  for (long k = 0; k < 40; ++k) {
    CAPTURE(k);
    runner r(run_options{.clock = &clock});
    watch(r.get_loop());
    // Once with memory: what Boost.Asio does when its first use of signals in a loop fails is not ours.
    r.run([] { sleep(1s); });
    allocator.left = k;
    const std::string error = caught_without_memory([&] { r.run([] { sleep(1s); }); });
    allocator = {};
    if (error != "nothing") {
      CHECK(error == "bad_alloc");
      ++failed;
    }
    CHECK(caught([&] {
            r.run([] {
              std::raise(SIGINT);
              sleep(1s);
              sleep(1h);
            });
          }) == "keyboard_interrupt");
  }
  CHECK(failed > 1);
}

TEST_CASE_FIXTURE(fixture, "explore and cancel_everywhere: lack of memory ends them, and leaves nothing") {
  if (!allocations_are_ours()) return;
  CHECK(caught([] {
          testing::cancel_everywhere({}, [] {
            const no_memory from_here;
            give_up_passes(5000);
          });
        }) == "bad_alloc");
  for (long left = 0; left < 60; ++left) {
    allocator.left = left;
    const std::string error = caught([] { testing::explore({.seeds = 1}, [] { gather([] { yield(); }, [] { sleep(1ms); }); }); });
    allocator.left = -1;
    CAPTURE(left);
    CAPTURE(error);
    CHECK((error == "nothing" || error.find("bad_alloc") != std::string::npos || error.find("Cannot allocate") != std::string::npos));
  }
}

// --- No allocations ---

TEST_CASE_FIXTURE(fixture, "a thousand times each: yield, park and wake, await what is done, wake an awaiter: no allocation") {
  if (!allocations_are_ours()) return;
  run([&] {
    CHECK(allocations_in([] { give_up_passes(1000); }) == 0);

    waker w;
    bool enough = false;
    auto parks = async([&] {
      while (!enough) {
        w = waker::for_next_park();
        park_for_good();
      }
    });
    yield();
    CHECK(allocations_in([&] {
            for (int i = 0; i < 1000; ++i) {
              w.wake();
              yield();
            }
          }) == 0);
    enough = true;
    w.wake();
    parks.await();

    const future<int> done;
    done.set_result(1);
    auto ended = async([] { return 2; });
    ended.await();
    CHECK(allocations_in([&] {
            int sum = 0;
            for (int i = 0; i < 1000; ++i) sum += done.await() + ended.await() + done.result() + await(ended);
            CHECK(sum % 6000 == 0);
          }) == 0);

    std::vector<future<>> pending(2000);
    std::size_t next = 0;
    auto awaits = async([&] {
      for (const auto& f : pending) f.await();
    });
    CHECK(allocations_in([&] {
            for (int i = 0; i < 1000; ++i) {
              yield();
              pending[next++].set_result();
            }
          }) == 0);
    awaits.await();
  });
}

TEST_CASE_FIXTURE(fixture, "sleeping allocates nothing once as many timers were set before, in virtual time and in real time") {
  if (!allocations_are_ours()) return;
  const auto sleeps = [] {
    const auto many = [] {
      for (int i = 0; i < 100; ++i) sleep(1us);
    };
    CHECK(allocations_in(many) == 0);
    CHECK(allocations_in([] { sleep_until(after(clock::now(), 1us)); }) == 0);
    std::array<task<>, 3> others{async(many), async(many), async(many)};
    CHECK(allocations_in([] { sleep(5us); }) == 0);
    gather(others);
  };
  run(sleeps);
  run_in_real_time(sleeps);
}

TEST_CASE_FIXTURE(fixture, "wait_for and timeout allocate nothing when the time is not over") {
  if (!allocations_are_ours()) return;
  run([&] {
    auto ended = async([] { return 2; });
    ended.await();
    std::vector<future<int>> pending(400);
    std::size_t next = 0;
    auto completes = async([&] {
      for (const auto& f : pending) {
        f.set_result(1);
        yield();
        yield();
      }
    });
    CHECK(allocations_in([&] {
            for (int i = 0; i < 100; ++i) {
              wait_for(ended, 1h);
              wait_for(ended, std::nullopt);
              wait_for([] { yield(); }, 1h);
              wait_for(pending[next++], 1h);
              timeout(1h, [](timeout_scope& s) {
                s.reschedule(time_point::max());
                sleep(1s);
              });
              timeout_at(time_point::max(), [] { return 1; });
            }
          }) == 0);
    completes.await();
  });
}

TEST_CASE_FIXTURE(fixture, "tasks, callbacks and timers take their blocks from the pool: no allocation; a gather takes two") {
  if (!allocations_are_ours() || !blocks_are_pooled()) return;
  run([&] {
    event_loop& loop = get_running_loop();
    CHECK(allocations_in([] {
            for (int i = 0; i < 100; ++i) async([i] { return i; }).await();
          }) == 0);
    CHECK(allocations_in([&] {
            for (int i = 0; i < 100; ++i) {
              loop.call_soon([] {});
              loop.call_later(1s, [] {}).cancel();
              loop.call_soon_threadsafe([] {});
              yield();
            }
          }) == 0);
    const future<int> done;
    done.set_result(1);
    CHECK(allocations_in([&] {
            for (int i = 0; i < 100; ++i) shield(async([] {})).await();
          }) == 0);
    CHECK(allocations_in([&] {
            for (int i = 0; i < 100; ++i) gather([] { return 1; }, [] { yield(); }, done);
          }) == 200);
  });
}

// --- A hundred thousand ---

namespace {

std::size_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::size_t size = 0;
  std::size_t resident = 0;
  statm >> size >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}
/// Not so before Linux 6.13, where each guard costs a mapping, of which there are 65,530; nor in an emulator.
bool guards_cost_no_mapping() {
  constexpr int guard_install = 102;  // MADV_GUARD_INSTALL
  constexpr int no_advice = 0x6b68;   // which an emulator may take all the same
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  void* const p = ::mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE(p != MAP_FAILED);
  const bool yes = ::madvise(p, page, no_advice) != 0 && ::madvise(p, page, guard_install) == 0;
  ::munmap(p, page);
  if (!yes) MESSAGE("skipped: this kernel has no MADV_GUARD_INSTALL");
  return yes;
}

/// False in a tool that keeps records of each byte.
bool memory_is_ours() {
#if defined(NAKH_ASAN) || defined(NAKH_TSAN)
  const bool ours = false;
#else
  const char* const preloaded = std::getenv("LD_PRELOAD");  // by which Valgrind gets in
  const bool ours = preloaded == nullptr || std::strstr(preloaded, "vgpreload") == nullptr;
#endif
  if (!ours) MESSAGE("skipped: the tool that this runs in needs memory of its own");
  return ours;
}

std::size_t mappings() {
  std::ifstream maps("/proc/self/maps");
  return static_cast<std::size_t>(std::count(std::istreambuf_iterator<char>(maps), {}, '\n'));
}

}  // namespace

TEST_CASE_FIXTURE(fixture, "a hundred thousand parked tasks: 4.3 KiB each, at most 10 mappings more, and each is woken") {
  if (!memory_is_ours() || !guards_cost_no_mapping()) return;
  constexpr std::size_t count = 100'000;
  run([&] {
    const future<> go;
    std::size_t ended = 0;
    const std::size_t resident = resident_bytes();
    const std::size_t maps = mappings();
    for (std::size_t i = 0; i < count; ++i) {
      static_cast<void>(async(task_options{.stack_size = 64 * 1024}, [&ended, &go] {
        go.await();
        ++ended;
      }));
    }
    yield();
    // A page of stack, the task's block, its place in the pool's list; and what malloc and the kernel's counters, which
    // are exact to some pages for each processor, add: all that is within the figure.
    CHECK((resident_bytes() - resident) / count <= 4300 * 1024 / 1000);
    CHECK(mappings() - maps <= 10);
    CHECK(get_running_loop().stacks().in_use == count + 1);
    CHECK(ended == 0);
    go.set_result();
    yield();
    CHECK(ended == count);
    CHECK(get_running_loop().stacks().in_use == 1);
    get_running_loop().trim_stacks();
    CHECK((resident_bytes() - resident) / count < 600);
  });
}

TEST_CASE_FIXTURE(counting_fixture, "many parked tasks are cancelled, and closed with their loop: each is unwound once") {
  constexpr int count = 1'000;
  for (const bool by_closing : {false, true}) {
    event_loop loop(loop_options{.clock = &clock});
    loop.set_exception_handler([](event_loop&, const exception_context&) {});
    std::vector<task<>> tasks;
    for (int i = 0; i < count; ++i) {
      tasks.push_back(loop.create_task([i, o = object()] {
        const object local;
        sleep(std::chrono::seconds(i + 1));
      }));
    }
    loop.run_until_complete([&] {
      CHECK(object::alive == 2 * count);
      if (!by_closing) {
        for (const auto& t : tasks) t.cancel();
        nakh::wait(tasks);
        CHECK(object::alive == 0);
      }
    });
    loop.close();
    CHECK(object::alive == 0);
    CHECK(std::all_of(tasks.begin(), tasks.end(), [](const auto& t) { return t.cancelled(); }));
    CHECK(loop.pending_timers() == 0);
  }
}
