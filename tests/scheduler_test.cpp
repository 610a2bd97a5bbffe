// SPDX-License-Identifier: BSL-1.0
#include "scheduler.hpp"

#include "sanitizers.hpp"
#include "support/fixture.hpp"
#include "support/in_valgrind.hpp"

#include <nakh/future.hpp>
#include <nakh/gather.hpp>
#include <nakh/lowlevel.hpp>
#include <nakh/task.hpp>
#include <nakh/timeout.hpp>

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace nakh;
using namespace nakh::test;
using namespace std::chrono_literals;
using detail::fiber;
using detail::ready_kind;
using detail::ready_node;
using detail::scheduler;
using lowlevel::wait_op;
using lowlevel::waker;

// --- The scheduler alone: its own fibers, callbacks and hooks, without a loop ---

namespace {

constexpr std::size_t small_stack = 16 * 1024;

/// A fiber that runs a function.
struct job : fiber {
  explicit job(std::function<void()> f, std::size_t stack_size = small_stack)
      : fiber(detail::stack_pool::class_of(stack_size)), body(std::move(f)) {}
  std::function<void()> body;
  bool ended = false;
  std::string refused;
};

const detail::routine_owner jobs = {
    [](fiber& f) noexcept {
      try {
        static_cast<job&>(f).body();
      } catch (const cancelled_error&) {
      }
    },
    [](fiber& f, std::exception_ptr why) noexcept { static_cast<job&>(f).refused = caught(why); },
    [](detail::coroutine&) noexcept {},
    [](detail::coroutine&) noexcept {},
    [](detail::routine& r) noexcept { static_cast<job&>(static_cast<fiber&>(r)).ended = true; },
    [](detail::routine&) noexcept {},
    [](const detail::routine&) noexcept { return detail::shared_text(); },
    [](detail::coroutine&) noexcept { return false; },
    [](const detail::routine&, char* text, std::size_t) noexcept { *text = '\0'; },
};

/// A callback of a user's.
struct call : ready_node {
  explicit call(std::function<void()> f) : ready_node(ready_kind::call), body(std::move(f)) {}
  std::function<void()> body;
};
void run_call(scheduler&, ready_node& n) { static_cast<call&>(n).body(); }

/// A library function.
struct library_hook : detail::hook {
  explicit library_hook(std::function<void()> f)
      : hook([](hook& self) noexcept { static_cast<library_hook&>(self).body(); }), body(std::move(f)) {}
  std::function<void()> body;
};

/// A scheduler that this thread runs, and what a case puts into it.
class alone {
 public:
  explicit alone(std::size_t max_stacks = 1000) : s(max_stacks, &run_call) {
    s.set_owner(jobs);
    s.enter();
  }
  ~alone() {
    CHECK(s.idle());
    for (const job& j : jobs_) CHECK((j.ended || !j.refused.empty() || !j.is_queued()));
    CHECK(s.statistics().in_use == 0);
    s.leave_thread();
  }
  alone(const alone&) = delete;
  alone& operator=(const alone&) = delete;

  job& start(std::function<void()> f, std::size_t stack_size = small_stack) {
    job& j = jobs_.emplace_back(std::move(f), stack_size);
    s.push(j);
    return j;
  }
  /// Made, but not queued.
  call& make_call(std::function<void()> f) { return calls_.emplace_back(std::move(f)); }
  library_hook& make_hook(std::function<void()> f) { return hooks_.emplace_back(std::move(f)); }
  void push_call(std::function<void()> f) { s.push(make_call(std::move(f))); }
  void push_hook(std::function<void()> f) { s.push(make_hook(std::move(f))); }
  void drive_until_idle() {
    for (int i = 0; i < 100'000 && !s.idle(); ++i) s.drive();
  }
  [[nodiscard]] std::string stacks() const {
    const auto f = s.statistics();
    return "used=" + std::to_string(f.in_use) + " pooled=" + std::to_string(f.pooled) + " most=" + std::to_string(f.high_water);
  }

  scheduler s;
  trace say;

 private:
  std::deque<job> jobs_;
  std::deque<call> calls_;
  std::deque<library_hook> hooks_;
};

/// A wait that nothing but `unpark` or a waker ends.
void park_for_good() {
  wait_op op;
  lowlevel::park(op);
}

}  // namespace

TEST_CASE("no fiber runs: park, yield and a waker are usage errors, in callbacks and hooks too") {
  CHECK(caught([] { park_for_good(); }) == "usage_error");
  CHECK(caught([] { yield(); }) == "usage_error");
  CHECK(caught([] { static_cast<void>(waker::for_next_park()); }) == "usage_error");
  alone a;
  const auto in_no_fiber = [&a] {
    a.say(caught([] { park_for_good(); }));
    a.say(caught([] { yield(); }));
    a.say(caught([] { static_cast<void>(waker::for_next_park()); }));
    if (a.s.current() != nullptr) a.say("a fiber?");
  };
  a.push_call(in_no_fiber);
  a.push_hook(in_no_fiber);  // from the loop's stack
  a.s.drive();
  CHECK(a.say.take() == "usage_error usage_error usage_error usage_error usage_error usage_error");
  a.start([] { yield(); });
  a.push_hook(in_no_fiber);  // on the stack of the fiber in front of it
  a.drive_until_idle();
  CHECK(a.say.take() == "usage_error usage_error usage_error");
}

TEST_CASE("throw_cancelled outside a fiber gives a cancellation without a reason") {
  CHECK(caught([] { lowlevel::throw_cancelled(); }) == "cancelled_error");
}

TEST_CASE("an error that ends the pass: what is queued stays, in order, for the next one") {
  alone a;
  for (const int position : {0, 1, 2}) {
    const auto abort = [&] {
      a.say("abort");
      a.s.abort_pass(std::make_exception_ptr(std::runtime_error("boom")));
      a.s.abort_pass(std::make_exception_ptr(std::runtime_error("too late")));
    };
    if (position == 0) a.push_call(abort);
    if (position == 1) a.push_hook(abort);
    if (position == 2) a.start(abort);
    a.start([&] { a.say("fiber"); });
    a.push_call([&] { a.say("call"); });
    CHECK(caught([&] { a.s.drive(); }) == "boom");
    CHECK(a.say.take() == "abort");
    CHECK_FALSE(a.s.idle());
    a.s.drive();
    CHECK(a.say.take() == "fiber call");
    CHECK(a.s.idle());
  }
}

TEST_CASE("no stack for a fiber: it is refused, wherever it stands, and those behind it run") {
  alone a(1);
  job& holder = a.start([&] {
    a.say("holds");
    park_for_good();
    a.say("goes on");
  });
  job& second = a.start([&] { a.say("never"); });
  a.push_call([&] { a.say("call"); });
  job& third = a.start([&] { a.say("never"); });
  a.s.drive();
  CHECK(a.say.take() == "holds call");
  CHECK(second.refused == "stack_exhausted");
  CHECK(third.refused == "stack_exhausted");
  a.s.unpark(holder);
  job& fourth = a.start([&] { a.say("on the same stack"); });
  a.drive_until_idle();
  CHECK(a.say.take() == "goes on on the same stack");
  CHECK(holder.ended);
  CHECK(fourth.ended);
  CHECK(a.stacks() == "used=0 pooled=1 most=1");
}

// --- Passes ---

TEST_CASE("a pass is what was queued when it began, in order, whatever kind it is") {
  alone a;
  a.start([&] {
    a.say("a1");
    yield();
    a.say("a2");
  });
  a.push_hook([&] { a.say("hook"); });
  a.push_call([&] {
    a.say("call");
    a.push_call([&] { a.say("later-call"); });
  });
  a.start([&] {
    a.say("b1");
    a.start([&] { a.say("later-fiber"); });
    yield();
    a.say("b2");
  });
  a.push_hook([&] {
    a.say("hook2");
    a.push_hook([&] { a.say("later-hook"); });
  });
  a.s.drive();
  CHECK(a.say.take() == "a1 hook call b1 hook2");
  a.s.drive();
  CHECK(a.say.take() == "a2 later-call later-fiber b2 later-hook");
  CHECK(a.s.idle());
}

TEST_CASE("what is woken in a pass runs in the next one, in the order of the wakes") {
  alone a;
  std::vector<job*> sleepers;
  for (int i = 0; i < 5; ++i) {
    sleepers.push_back(&a.start([&a, i] {
      park_for_good();
      a.say("woken", i);
    }));
  }
  a.s.drive();
  a.start([&] {
    for (const std::size_t i : {3u, 0u, 4u}) a.s.unpark(*sleepers[i]);
    a.say("wakes");
    yield();
    a.say("behind");
  });
  a.push_call([&] {
    for (const std::size_t i : {2u, 1u}) a.s.unpark(*sleepers[i]);
    a.say("wakes-too");
  });
  a.s.drive();
  CHECK(a.say.take() == "wakes wakes-too");
  a.s.drive();
  CHECK(a.say.take() == "woken3 woken0 woken4 behind woken2 woken1");
}

TEST_CASE("nodes are taken out of the pass that runs: the last, the first, all of the rest; it ends where it should") {
  alone a;
  call& first = a.make_call([&] { a.say("first"); });
  call& middle = a.make_call([&] { a.say("middle"); });
  call& last = a.make_call([&] { a.say("last"); });
  for (const std::vector<ready_node*>& victims : {std::vector<ready_node*>{&last},
                                                  {&first},
                                                  {&middle, &last},
                                                  {&last, &middle},
                                                  {&first, &middle, &last},
                                                  {&last, &middle, &first}}) {
    a.start([&] {
      for (ready_node* const n : victims) {
        a.s.remove(*n);
        CHECK_FALSE(n->is_queued());
      }
      a.push_call([&] { a.say("next-pass"); });
      yield();
      a.say("end");
    });
    for (ready_node* const n : {&first, &middle, &last}) a.s.push(*n);
    a.s.drive();
    std::string expected;
    for (ready_node* const n : {&first, &middle, &last}) {
      if (std::find(victims.begin(), victims.end(), n) != victims.end()) continue;
      expected += (expected.empty() ? "" : " ") + std::string(n == &first ? "first" : n == &middle ? "middle" : "last");
    }
    CHECK(a.say.take() == expected);
    a.s.drive();
    CHECK(a.say.take() == "next-pass end");
  }
}

namespace {

/// Nodes of every kind that push and remove each other at random; each turn is held to a plain list of numbers.
class random_queue {
 public:
  random_queue(unsigned int seed, std::size_t nodes, int turns) : random_(seed), turns_left_(turns) {
    for (std::size_t i = 0; i < nodes; ++i) {
      switch (i % 3) {
        case 0:
          nodes_.push_back(&a_.make_call([this, i] { turn(i); }));
          break;
        case 1:
          nodes_.push_back(&a_.make_hook([this, i] { turn(i); }));
          break;
        default:
          nodes_.push_back(&a_.start([this, i] {
            for (turn(i); turns_left_ > 0; turn(i)) {
              if (random_() % 2 == 0) {
                queued(i);
                yield();
              } else {
                park_for_good();  // until a turn of another one's wakes it
              }
            }
          }));
          queued(i);
      }
    }
  }

  void run(unsigned int patience, detail::step_observer* observer = nullptr) {
    a_.s.set_observer(observer);
    a_.s.set_patience(patience);
    exact_ = patience == 0;
    while (turns_left_ > 0) {
      if (list_.empty()) push_one();
      in_pass_ = list_.size();
      a_.s.drive();
      if (exact_ && in_pass_ != 0) ++wrong_;
    }
    finish();
  }

 private:
  void queued(std::size_t i) { list_.push_back(i); }
  [[nodiscard]] bool can_be_pushed(std::size_t i) const {
    if (nodes_[i]->is_queued() || i == running_) return false;
    return i % 3 != 2 || static_cast<const fiber&>(*nodes_[i]).state == detail::routine_state::parked;
  }
  void push_one() {
    const std::size_t begin = random_() % nodes_.size();
    for (std::size_t k = 0; k < nodes_.size(); ++k) {
      const std::size_t i = (begin + k) % nodes_.size();
      if (!can_be_pushed(i)) continue;
      queued(i);
      if (i % 3 == 2) {
        a_.s.unpark(static_cast<fiber&>(*nodes_[i]));
      } else {
        a_.s.push(*nodes_[i]);
      }
      return;
    }
  }
  void remove_one() {
    if (list_.empty()) return;
    const std::size_t place = random_() % list_.size();
    const std::size_t i = list_[place];
    if (i % 3 == 2) return;  // a fiber is woken, but never taken back
    a_.s.remove(*nodes_[i]);
    list_.erase(list_.begin() + static_cast<std::ptrdiff_t>(place));
    if (place < in_pass_) --in_pass_;
  }
  void turn(std::size_t i) {
    if (in_pass_ == 0 && !exact_) in_pass_ = list_.size();
    if (in_pass_ == 0 || list_.empty() || list_.front() != i) {
      ++wrong_;
      turns_left_ = 0;
      return;
    }
    list_.pop_front();
    --in_pass_;
    if (turns_left_ == 0) return;  // what is left goes to its end
    --turns_left_;
    running_ = i;
    for (auto n = random_() % 4; n > 0; --n) push_one();
    for (auto n = random_() % 3; n > 0; --n) remove_one();
    running_ = nodes_.size();
  }
  // Wakes whoever is parked, so that all end.
  void finish() {
    for (std::size_t i = 2; i < nodes_.size(); i += 3) {
      auto& f = static_cast<fiber&>(*nodes_[i]);
      if (f.state != detail::routine_state::parked) continue;
      queued(i);
      a_.s.unpark(f);
    }
    in_pass_ = list_.size();
    a_.drive_until_idle();
    CHECK(wrong_ == 0);
    CHECK(list_.empty());
  }

  alone a_;
  std::mt19937 random_;
  int turns_left_;
  std::vector<ready_node*> nodes_;
  std::deque<std::size_t> list_;
  std::size_t in_pass_ = 0;
  std::size_t running_ = static_cast<std::size_t>(-1);
  bool exact_ = true;
  int wrong_ = 0;
};

}  // namespace

TEST_CASE("fifty thousand turns of nodes that push, wake and remove each other, against a plain list, pass by pass") {
  for (const unsigned int seed : {1u, 2u, 3u, 4u, 5u}) {
    CAPTURE(seed);
    random_queue(seed, 5 + seed * 9, 10'000).run(0);
  }
}

TEST_CASE("the same while passes follow one another without the loop") {
  for (const unsigned int seed : {6u, 7u, 8u}) {
    CAPTURE(seed);
    random_queue(seed, 5 + seed * 5, 10'000).run(50);
  }
}

namespace {

/// Notes the steps, and lets them run in their order or the other way round.
struct onlooker final : detail::step_observer {
  explicit onlooker(bool last_first = false) : backwards(last_first) {}
  ready_node& choose(detail::ready_list& pass) noexcept override { return backwards ? pass.back() : pass.front(); }
  void begin_step(ready_node&) noexcept override { nested += ++inside - 1; }
  void end_step() noexcept override {
    --inside;
    ++steps;
  }
  bool backwards;
  int inside = 0;
  int nested = 0;
  long steps = 0;
};

}  // namespace

TEST_CASE("the same while somebody looks on: each turn is a step") {
  for (const unsigned int seed : {9u, 10u, 11u}) {
    CAPTURE(seed);
    onlooker eyes;
    random_queue(seed, 5 + seed * 3, 10'000).run(seed == 9 ? 0 : 50, &eyes);
    CHECK(eyes.steps >= 10'000);
    CHECK(eyes.nested == 0);
    CHECK(eyes.inside == 0);
  }
}

TEST_CASE("an onlooker chooses the order within a pass, and what is queued meanwhile still belongs to the next one") {
  alone a;
  onlooker eyes(true);
  a.s.set_observer(&eyes);
  for (const char* name : {"a", "b", "c"}) {
    a.start([&a, name] {
      a.say(name, 1);
      yield();
      a.say(name, 2);
    });
  }
  a.push_call([&a] { a.say("call"); });
  a.push_hook([&a] { a.say("hook"); });
  a.s.drive();
  CHECK(a.say.take() == "hook call c1 b1 a1");
  CHECK(eyes.steps == 5);
  a.s.set_observer(nullptr);
  a.s.drive();
  CHECK(a.say.take() == "c2 b2 a2");
  CHECK(eyes.steps == 5);
}

TEST_CASE("an error ends a pass that is looked on: what is left of it stands in front of what was queued meanwhile") {
  alone a;
  onlooker eyes;
  a.s.set_observer(&eyes);
  a.start([&] {
    a.start([&] { a.say("new"); });
    a.s.abort_pass(std::make_exception_ptr(std::runtime_error("enough")));
  });
  a.start([&] { a.say("left"); });
  CHECK(caught([&] { a.s.drive(); }) == "enough");
  CHECK(a.say.take().empty());
  a.s.drive();
  CHECK(a.say.take() == "left new");
}

TEST_CASE("patience: fibers go on for so many switches, and then to the end of the pass") {
  for (const unsigned int patience : {0u, 1u, 2u, 9u, 10u, 1000u}) {
    alone a;
    a.s.set_patience(patience);
    unsigned int steps = 0;
    bool enough = false;
    for (int i = 0; i < 3; ++i) {
      a.start([&] {
        while (!enough) {
          ++steps;
          yield();
        }
      });
    }
    a.s.drive();
    CHECK(steps % 3 == 0);
    CHECK(steps >= std::max(patience, 3u));
    CHECK(steps < patience + 6);
    enough = true;
    a.drive_until_idle();
  }
}

TEST_CASE("ask_for_loop ends the run with the pass, not before its end") {
  alone a;
  a.s.set_patience(1'000'000);
  bool enough = false;
  a.start([&] {
    int i = 0;
    while (!enough) {
      a.say("a", i);
      if (i++ == 2) a.s.ask_for_loop();
      yield();
    }
  });
  a.start([&] {
    int i = 0;
    while (!enough) {
      a.say("b", i++);
      yield();
    }
  });
  a.s.drive();
  CHECK(a.say.take() == "a0 b0 a1 b1 a2 b2");
  enough = true;
  a.drive_until_idle();
}

TEST_CASE("a callback gives the loop its turn, however patient") {
  alone a;
  a.s.set_patience(1'000'000);
  bool enough = false;
  a.start([&] {
    while (!enough) yield();
  });
  a.push_call([&] { enough = true; });
  a.drive_until_idle();
  CHECK(enough);
}

// --- Emptying the queue ---

TEST_CASE("remove_calls takes the callbacks in order, and leaves fibers and hooks in theirs") {
  alone a;
  for (int i = 0; i < 3; ++i) {
    a.push_call([&a, i] { a.say("call", i); });
    a.push_hook([&a, i] { a.say("hook", i); });
    a.start([&a, i] { a.say("fiber", i); });
  }
  a.s.remove_calls([](ready_node& n) {
    CHECK_FALSE(n.is_queued());
    static_cast<call&>(n).body();
  });
  CHECK(a.say.take() == "call0 call1 call2");
  a.s.drive();
  CHECK(a.say.take() == "hook0 fiber0 hook1 fiber1 hook2 fiber2");
}

TEST_CASE("run_hooks runs the hooks in order, also those that hooks queue, and leaves fibers") {
  alone a;
  a.push_hook([&] {
    a.say("hook");
    a.push_hook([&] { a.say("hook-of-hook"); });
  });
  a.start([&] { a.say("fiber"); });
  a.push_hook([&] { a.say("last"); });
  a.s.run_hooks();
  CHECK(a.say.take() == "hook last hook-of-hook");
  a.s.drive();
  CHECK(a.say.take() == "fiber");
}

// --- Stacks ---

TEST_CASE("a fiber takes its stack when it first runs, and gives it back when it ends") {
  alone a;
  job& parked = a.start([] { park_for_good(); });
  CHECK(a.stacks() == "used=0 pooled=0 most=0");
  a.s.drive();
  CHECK(a.stacks() == "used=1 pooled=0 most=1");
  a.start([] {});
  a.s.remove(a.start([] { FAIL("is taken out of the queue before it begins"); }));
  CHECK(a.stacks() == "used=1 pooled=0 most=1");
  a.s.drive();
  CHECK(a.stacks() == "used=1 pooled=1 most=2");
  a.s.unpark(parked);
  a.s.drive();
  CHECK(a.stacks() == "used=0 pooled=2 most=2");
}

TEST_CASE("ten thousand fibers that never wait run one after the other on one stack") {
  alone a;
  const void* stack = nullptr;
  int elsewhere = 0;
  for (int i = 0; i < 10'000; ++i) {
    a.start([&] {
      const void* const here = __builtin_frame_address(0);
      if (stack == nullptr) stack = here;
      if (here != stack) ++elsewhere;
    });
  }
  a.drive_until_idle();
  CHECK(elsewhere == 0);
  CHECK(a.stacks() == "used=0 pooled=1 most=1");
}

TEST_CASE("the idle stack serves the next fiber of its size, and only that") {
  alone a;
  a.start([] {});
  a.s.drive();
  CHECK(a.stacks() == "used=0 pooled=1 most=1");
  job& other_size = a.start([] { park_for_good(); }, 4 * small_stack);
  a.s.drive();
  CHECK(a.stacks() == "used=1 pooled=1 most=1");
  job& same_size = a.start([] { park_for_good(); });
  a.s.drive();
  CHECK(a.stacks() == "used=2 pooled=0 most=2");
  a.s.unpark(other_size);
  a.s.unpark(same_size);
  a.s.drive();
  CHECK(a.stacks() == "used=0 pooled=2 most=2");
  // The other size's is idle now, and the first one's in the pool: both are used again.
  job& again = a.start([] { park_for_good(); });
  job& other_again = a.start([] { park_for_good(); }, 4 * small_stack);
  a.s.drive();
  CHECK(a.stacks() == "used=2 pooled=0 most=2");
  a.s.unpark(again);
  a.s.unpark(other_again);
  a.s.drive();
}

TEST_CASE("fibers of different sizes in turn, each with the room that it asked for") {
  alone a;
  const auto use = [](std::size_t size) {
    const auto room = std::make_unique<std::vector<char>>();
    volatile char* const block = static_cast<volatile char*>(__builtin_alloca(size));
    for (std::size_t i = 0; i < size; i += 1024) block[i] = 1;
    yield();
    return block[0] == 1;
  };
  int right = 0;
  for (int i = 0; i < 300; ++i) {
    const std::size_t size = std::size_t{16} * 1024 << (i * 7 % 4);
    a.start([&right, &use, size] { right += use(size / 2) ? 1 : 0; }, size);
    if (i % 5 == 0) a.s.drive();
  }
  a.drive_until_idle();
  CHECK(right == 300);
}

// --- Park and wake ---

TEST_CASE("woken before it parks: the waker does nothing, and the park waits for the next wake") {
  alone a;
  waker early;
  waker w;
  a.start([&] {
    early = waker::for_next_park();
    w = early;
    CHECK_FALSE(early.wake());
    yield();
    CHECK_FALSE(early.wake());
    a.say("parks");
    park_for_good();
    a.say("woken");
  });
  a.push_call([&] { CHECK_FALSE(w.wake()); });  // while it yields
  a.drive_until_idle();
  CHECK(a.say.take() == "parks");
  CHECK(w.wake());
  CHECK_FALSE(early.wake());
  a.drive_until_idle();
  CHECK(a.say.take() == "woken");
}

TEST_CASE("woken twice, by the same waker and by its copy: the first counts, and the next suspension is not theirs") {
  alone a;
  waker w;
  job& sleeper = a.start([&] {
    w = waker::for_next_park();
    park_for_good();
    a.say("once");
    park_for_good();
    a.say("twice");
  });
  a.s.drive();
  waker copy = w;
  CHECK(copy.wake());
  CHECK_FALSE(w.wake());
  CHECK_FALSE(copy.wake());
  a.drive_until_idle();
  CHECK(a.say.take() == "once");
  CHECK_FALSE(w.wake());
  CHECK_FALSE(copy.wake());
  CHECK_FALSE(waker(std::move(w)).wake());
  CHECK_FALSE(w.wake());  // NOLINT(bugprone-use-after-move): an empty one
  CHECK_FALSE(waker().wake());
  CHECK(a.s.idle());
  a.s.unpark(sleeper);
  a.drive_until_idle();
  CHECK(a.say.take() == "twice");
}

TEST_CASE("a waker of a fiber that has ended does nothing") {
  alone a;
  waker during;
  waker never_used;
  job& sleeper = a.start([&] {
    during = waker::for_next_park();
    park_for_good();
    never_used = waker::for_next_park();
  });
  a.s.drive();
  CHECK(during.wake());
  a.drive_until_idle();
  CHECK(sleeper.ended);
  CHECK_FALSE(during.wake());
  CHECK_FALSE(never_used.wake());
  CHECK(a.s.idle());
}

namespace {

/// A wait whose abort function counts, and does what it was told to.
struct counted_wait : wait_op {
  counted_wait(scheduler& sched, fiber& f, bool accept) : wait_op{&counted}, s(sched), self(f), accepts(accept) {}
  static bool count(wait_op& op) noexcept {
    auto& w = static_cast<counted_wait&>(op);
    ++w.aborts;
    if (w.accepts) w.s.unpark(w.self);
    return w.accepts;
  }
  static constexpr lowlevel::wait_kind counted = {.abort = &count};
  scheduler& s;
  fiber& self;
  bool accepts;
  int aborts = 0;
};

}  // namespace

TEST_CASE("a cancelled wait that accepts ends at once, and park returns without throwing") {
  alone a;
  job& j = a.start([&] {
    counted_wait op(a.s, *a.s.current(), true);
    a.say(caught([&] { lowlevel::park(op); }));
    a.say("aborts", op.aborts);
  });
  a.s.drive();
  a.s.cancel(j);
  a.s.cancel(j);  // was woken already: stays pending, for the next suspension
  CHECK(j.cancel_pending);
  a.drive_until_idle();
  CHECK(a.say.take() == "cancelled_error aborts1");
}

TEST_CASE("a cancelled wait that refuses goes on until it is woken, and then throws; it is asked again each time") {
  for (const bool with_function : {true, false}) {
    alone a;
    job& j = a.start([&] {
      counted_wait op(a.s, *a.s.current(), false);
      if (!with_function) op.kind = &lowlevel::unnamed_wait;
      a.say(caught([&] { lowlevel::park(op); }));
      a.say("aborts", op.aborts);
      yield();  // the cancellation was delivered, once
      a.say("goes-on");
    });
    a.s.drive();
    a.s.cancel(j);
    a.s.cancel(j);
    CHECK(a.s.idle());
    a.s.unpark(j);
    a.s.cancel(j);  // not asked any more
    a.drive_until_idle();
    CHECK(a.say.take() == (with_function ? "cancelled_error aborts2 goes-on" : "cancelled_error aborts0 goes-on"));
  }
}

TEST_CASE("a cancellation that is pending when the fiber parks is offered at once") {
  alone a;
  for (const bool accepts : {true, false}) {
    job& j = a.start([&] {
      counted_wait op(a.s, *a.s.current(), accepts);
      a.s.cancel(*a.s.current());
      a.say(caught([&] { lowlevel::park(op); }));
      a.say("aborts", op.aborts);
    });
    a.s.drive();
    CHECK(a.s.idle() == !accepts);
    if (!accepts) a.s.unpark(j);
    a.drive_until_idle();
    CHECK(a.say.take() == (accepts ? "nothing aborts1" : "cancelled_error aborts1"));
  }
}

TEST_CASE("yield delivers a cancellation that came before it or meanwhile, once") {
  alone a;
  job& before = a.start([&] {
    a.s.cancel(*a.s.current());
    a.say(caught([] { yield(); }));
    a.say(caught([] { yield(); }));
  });
  job& meanwhile = a.start([&] {
    a.say(caught([] { yield(); }));
    a.say(caught([] { yield(); }));
  });
  a.push_call([&] { a.s.cancel(meanwhile); });
  a.drive_until_idle();
  CHECK(a.say.take() == "cancelled_error cancelled_error nothing nothing");
  CHECK(before.ended);
}

TEST_CASE("a cancellation waits while an exception is in flight: a destructor may park and yield") {
  alone a;
  struct waits_at_end {
    alone& in;
    ~waits_at_end() {
      in.say(caught([this] {
        counted_wait op(in.s, *in.s.current(), true);
        lowlevel::park(op);
        yield();
        in.say("aborts", op.aborts);
      }));
    }
  };
  job& j = a.start([&] {
    try {
      const waits_at_end last{a};
      throw std::runtime_error("boom");
    } catch (const std::runtime_error&) {
    }
    a.say(caught([] { yield(); }));
  });
  a.s.drive();
  a.s.cancel(j);
  CHECK(a.s.idle());
  a.s.unpark(j);
  a.drive_until_idle();
  CHECK(a.say.take() == "aborts0 nothing cancelled_error");
}

// --- In a loop ---

namespace {

/// Permits that tasks wait for: the plainest primitive that can be made of a waker.
class permits {
 public:
  void give() {
    ++count_;
    w_.wake();
  }
  /// Waits for at least one, and takes all.
  int take() {
    while (count_ == 0) {
      w_ = waker::for_next_park();
      park_for_good();
    }
    return std::exchange(count_, 0);
  }

 private:
  int count_ = 0;
  waker w_;
};

}  // namespace

TEST_CASE_FIXTURE(fixture, "two that yield take strict turns, and a thousand go round in a circle") {
  run([&] {
    for (const int count : {2, 1000}) {
      int turn = 0;
      int wrong = 0;
      std::vector<task<>> circle;
      for (int i = 0; i < count; ++i) {
        circle.push_back(async([&, i] {
          for (int round = 0; round < 20; ++round) {
            if (turn++ % count != i) ++wrong;
            yield();
          }
        }));
      }
      gather(circle);
      CHECK(wrong == 0);
      CHECK(turn == 20 * count);
    }
  });
}

TEST_CASE_FIXTURE(fixture, "a task that yields for ever starves no timer, no callback, no signal and no other thread, in real time") {
  run_in_real_time([&] {
    bool enough = false;
    auto spinner = async([&] {
      while (!enough) yield();
    });
    event_loop& loop = get_running_loop();
    loop.call_soon([&] { say("call"); });
    yield();
    yield();
    sleep(1ms);
    say("timer");
    permits p;
    std::thread([&] { loop.call_soon_threadsafe([&] { p.give(); }); }).join();
    p.take();
    say("thread");
    loop.add_signal_handler(SIGUSR1, [&] { p.give(); });
    std::raise(SIGUSR1);
    p.take();
    loop.remove_signal_handler(SIGUSR1);
    say("signal");
    enough = true;
    spinner.await();
  });
  CHECK(say.take() == "call timer thread signal");
}

TEST_CASE_FIXTURE(fixture, "two tasks that wake each other for ever starve nothing, in real time") {
  run_in_real_time([&] {
    permits ping;
    permits pong;
    bool enough = false;
    auto a = async([&] {
      do {
        pong.give();
        ping.take();
      } while (!enough);
      pong.give();
    });
    auto b = async([&] {
      do {
        ping.give();
        pong.take();
      } while (!enough);
      ping.give();
    });
    sleep(1ms);
    event_loop& loop = get_running_loop();
    permits p;
    std::thread([&] { loop.call_soon_threadsafe([&] { p.give(); }); }).join();
    p.take();
    enough = true;
    gather(a, b);
    say("over");
  });
  CHECK(say.take() == "over");
}

TEST_CASE_FIXTURE(fixture, "a hook between two fibers, and a callback, leave the running task what it was") {
  run([&] {
    const auto name = [] { return current_task() ? current_task().get_name() : std::string("none"); };
    future<> f;
    auto waits = async(task_options{.name = "waits"}, [&] {
      f.await();
      say(name());
    });
    // A gather's hook for each child runs between them.
    auto several = async(task_options{.name = "several"}, [&] {
      gather(f, f, [&] { yield(); });
      say(name());
    });
    yield();
    f.add_done_callback([&] { say(name()); });
    f.set_result();
    several.await();
    CHECK(waits.done());
  });
  CHECK(say.take() == "waits none several");
}

TEST_CASE_FIXTURE(fixture, "children that never wait share one stack") {
  run([&] {
    std::vector<task<int>> children;
    for (int i = 0; i < 10'000; ++i) children.push_back(async([i] { return i; }));
    const auto before = get_running_loop().stacks();
    CHECK(before.in_use == 1);  // ours
    CHECK(gather(std::move(children)).back() == 9'999);
    CHECK(get_running_loop().stacks().in_use == 1);
    CHECK(get_running_loop().stacks().high_water == 2);
  });
}

TEST_CASE_FIXTURE(fixture, "a task that is cancelled before it began takes no stack") {
  run([&] {
    std::vector<task<>> never;
    for (int i = 0; i < 100; ++i) never.push_back(async([&] { say("never"); }));
    for (const auto& t : never) t.cancel();
    yield();
    yield();
    for (const auto& t : never) CHECK(t.cancelled());
    CHECK(get_running_loop().stacks().high_water <= 2);
  });
  CHECK(say.take().empty());
}

TEST_CASE_FIXTURE(fixture, "a waker outlives its task: its stack is free, and waking does nothing") {
  waker outlives_all;
  run([&] {
    waker w;
    {
      auto t = async([&] {
        w = waker::for_next_park();
        outlives_all = w;
        park_for_good();
      });
      yield();
      CHECK(get_running_loop().stacks().in_use == 2);
      CHECK(w.wake());
      t.await();
    }
    CHECK(get_running_loop().stacks().in_use == 1);
    CHECK_FALSE(w.wake());
  });
  CHECK_FALSE(outlives_all.wake());  // and its loop
  const waker copy = outlives_all;
  CHECK_FALSE(waker(copy).wake());
}

TEST_CASE("a waker that is the last to know of its loop") {
  waker w;
  {
    virtual_clock time;
    run(run_options{.clock = &time}, [&] { w = waker::for_next_park(); });
  }
  CHECK_FALSE(w.wake());
  w = waker();
}

// --- Other threads ---

namespace {

#if defined(NAKH_TSAN)
constexpr int posts = 2'000;  // each is a dozen times slower
#else
constexpr int posts = 10'000;
#endif
constexpr int posters = 4;

/// Runs `f(0)`, `f(1)`, ... each in a thread of its own; ends them at the end of the scope.
template <class F>
std::vector<std::jthread> threads(int count, F f) {
  std::vector<std::jthread> all;
  for (int i = 0; i < count; ++i) all.emplace_back([f, i] { f(i); });
  return all;
}

}  // namespace

TEST_CASE_FIXTURE(fixture, "four threads wake one task ten thousand times each: no wake is lost") {
  if (posts < 10'000) MESSAGE("with " << posts << " each, in this slow build");
  run_in_real_time([&] {
    event_loop& loop = get_running_loop();
    permits p;
    const auto all = threads(posters, [&](int) {
      for (int i = 0; i < posts; ++i) loop.call_soon_threadsafe([&p] { p.give(); });
    });
    int taken = 0;
    const auto take_all = [&] {
      while (taken < posters * posts) taken += p.take();
    };
    CHECK(caught([&] { wait_for(take_all, 50s); }) == "nothing");
    CHECK(taken == posters * posts);
  });
}

TEST_CASE_FIXTURE(fixture, "four threads hand one wake at a time to four tasks of a loop that sleeps in between") {
  constexpr int rounds = posts / 10;
  run_in_real_time([&] {
    event_loop& loop = get_running_loop();
    std::vector<permits> to_tasks(posters);
    std::vector<std::atomic<int>> answered(posters);
    std::atomic<bool> given_up = false;
    const auto all = threads(posters, [&](int own) {
      const auto i = static_cast<std::size_t>(own);
      for (int round = 1; round <= rounds && !given_up; ++round) {
        loop.call_soon_threadsafe([&to_tasks, i] { to_tasks[i].give(); });
        answered[i].wait(round - 1);
      }
    });
    std::vector<task<>> tasks;
    for (std::size_t i = 0; i < posters; ++i) {
      tasks.push_back(async([&, i] {
        for (int round = 1; round <= rounds; ++round) {
          CHECK(to_tasks[i].take() == 1);
          answered[i] = round;
          answered[i].notify_one();
        }
      }));
    }
    CHECK(caught([&] { wait_for(gather_future(tasks), 50s); }) == "nothing");
    given_up = true;
    for (auto& a : answered) {
      a = rounds;
      a.notify_one();
    }
  });
}

TEST_CASE_FIXTURE(fixture, "calls from many threads: each runs once, those of one thread in their order") {
  run([&] {  // in virtual time a loop that has no timer waits for real
    event_loop& loop = get_running_loop();
    std::vector<int> last(posters, -1);
    int wrong = 0;
    int count = 0;
    permits over;
    const auto all = threads(posters, [&](int own) {
      for (int i = 0; i < posts; ++i) {
        loop.call_soon_threadsafe([&, own, i] {
          if (std::exchange(last[static_cast<std::size_t>(own)], i) != i - 1) ++wrong;
          if (++count == posters * posts) over.give();
        });
      }
    });
    over.take();
    CHECK(wrong == 0);
    CHECK(count == posters * posts);
  });
}

TEST_CASE_FIXTURE(fixture, "calls that other threads take back: each runs or is cancelled, never both, and no closure is left") {
  constexpr int calls = posts / 5;
  const auto token = std::make_shared<int>(0);
  std::atomic<int> cancelled = 0;
  int ran = 0;
  run_in_real_time([&] {
    event_loop& loop = get_running_loop();
    permits over;
    int threads_ended = 0;
    const auto all = threads(posters, [&](int own) {
      for (int i = 0; i < calls; ++i) {
        auto h = loop.call_soon_threadsafe([&ran, token] { ++ran; });
        if (own % 2 == 0) h.cancel();
        if (h.cancelled()) ++cancelled;
      }
      loop.call_soon_threadsafe([&] {
        ++threads_ended;
        over.give();
      });
    });
    while (threads_ended < posters) over.take();
  });
  CHECK(ran + cancelled == posters * calls);
  CHECK(ran >= posters / 2 * calls);
  CHECK(token.use_count() == 1);
}

TEST_CASE("a thread that posts to a loop while it is closed: each call is dropped or refused, and no closure is left") {
  const auto token = std::make_shared<int>(0);
  for (int round = 0; round < posts / 50; ++round) {
    event_loop loop;
    std::atomic<int> accepted = 0;
    const auto all = threads(1, [&](int) {
      const auto post = [&] {
        loop.call_soon_threadsafe([token] {});
        ++accepted;
      };
      while (caught(post) == "nothing") continue;
    });
    while (accepted < 3) std::this_thread::yield();
    loop.close();
  }
  CHECK(token.use_count() == 1);
}

TEST_CASE("four loops in four threads know nothing of each other") {
  std::vector<long long> sums(posters);
  threads(posters, [&](int own) {
    virtual_clock time;
    sums[static_cast<std::size_t>(own)] = run(run_options{.clock = &time}, [own] {
      std::vector<task<long long>> children;
      for (int i = 0; i < 200; ++i) {
        children.push_back(async([own, i] {
          for (int k = 0; k < 10; ++k) yield();
          sleep(std::chrono::seconds(i));
          return static_cast<long long>(own) * 1000 + i;
        }));
      }
      long long sum = 0;
      for (const long long n : gather(std::move(children))) sum += n;
      return sum;
    });
  });
  for (int own = 0; own < posters; ++own) CHECK(sums[static_cast<std::size_t>(own)] == own * 200'000LL + 19'900);
}

// --- Deep chains ---

namespace {

#if defined(NAKH_ASAN) || defined(NAKH_TSAN)
constexpr std::size_t chain_stack = 64 * 1024;
constexpr bool checked_build = true;
#else
constexpr std::size_t chain_stack = 8 * 1024;
constexpr bool checked_build = false;
#endif

/// Not so before Linux 6.13, where each guard costs a mapping, of which there are 65,530; nor in an emulator.
bool guards_cost_no_mapping() {
  constexpr int guard_install = 102;  // MADV_GUARD_INSTALL
  constexpr int no_advice = 0x6b68;   // which an emulator may take all the same
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  void* const p = ::mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE(p != MAP_FAILED);
  const bool yes = ::madvise(p, page, no_advice) != 0 && ::madvise(p, page, guard_install) == 0;
  ::munmap(p, page);
  return yes;
}

std::size_t long_chain() {
  if (!checked_build && !in_valgrind() && guards_cost_no_mapping()) return 100'000;
  MESSAGE("with 2,000 tasks only: this tool, or this system, needs much for each stack");
  return 2'000;
}

/// Awaits a task that awaits a task, and so on; the last one awaits `end`. How many they were.
std::size_t chain(std::size_t length, const future<>& end) {
  if (length == 0) {
    end.await();
    return 0;
  }
  return async(task_options{.stack_size = chain_stack}, chain, length - 1, end).await() + 1;
}

}  // namespace

TEST_CASE_FIXTURE(fixture, "a hundred thousand tasks, each awaiting the next: the result comes through") {
  const std::size_t length = long_chain();
  run([&] {
    const future<> end;
    auto first = async([&] { return chain(length, end); });
    passes_until([&] { return get_running_loop().stacks().in_use == length + 2; });
    end.set_result();
    CHECK(first.await() == length);
    CHECK(get_running_loop().stacks().in_use == 1);
  });
}

TEST_CASE_FIXTURE(fixture, "a hundred thousand tasks, each awaiting the next: cancelling the first cancels all") {
  const std::size_t length = long_chain();
  run([&] {
    const future<> end;
    auto first = async([&] { return chain(length, end); });
    passes_until([&] { return get_running_loop().stacks().in_use == length + 2; });
    CHECK(first.cancel("why"));
    CHECK(end.cancelled());
    CHECK(caught([&] { first.await(); }) == "cancelled_error(why)");
    CHECK(get_running_loop().stacks().in_use == 1);
  });
}

TEST_CASE_FIXTURE(fixture, "a hundred thousand tasks, each awaiting the next: an error comes through, as one object") {
  const std::size_t length = long_chain();
  run([&] {
    const future<> end;
    auto first = async([&] { return chain(length, end); });
    passes_until([&] { return get_running_loop().stacks().in_use == length + 2; });
    const auto error = std::make_exception_ptr(std::runtime_error("boom"));
    end.set_exception(error);
    CHECK(caught([&] { first.await(); }) == "boom");
    CHECK(first.exception() == error);
  });
}
