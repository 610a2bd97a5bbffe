// SPDX-License-Identifier: BSL-1.0
//
// Bare C++20 coroutines.
#include "cpp20.hpp"

#include "row.hpp"

#include <coroutine>
#include <exception>
#include <vector>

namespace {

using bench::cpp20::future;
using bench::cpp20::latch;
using bench::cpp20::run;
using bench::cpp20::task;
using bench::cpp20::yield;

template <bool Divides>
[[gnu::noinline]] task take_turns(std::size_t turns, const bool& stop) {
  double quotient = 0;
  for (; turns != 0 && !stop; --turns) {
    if constexpr (Divides) bench::divide(quotient);
    co_await yield{};
  }
  co_return 0;
}

/// The measuring coroutine starts the clock, gives its turns to one like the others, and waits for its end.
template <bool Divides>
task measure_turns(bench::stopwatch& watch, std::size_t turns, bool& stop) {
  co_await yield{};
  latch done{1};
  task own = take_turns<Divides>(turns, stop);
  own.tell(done);
  watch.start();
  co_await done;
  watch.stop();
  stop = true;
  co_return 0;
}

template <std::size_t Coroutines, bool Divides = false>
void yield_ring(bench::stopwatch& watch, std::size_t operations) {
  bool stop = false;
  std::vector<task> tasks;
  tasks.push_back(measure_turns<Divides>(watch, operations / Coroutines, stop));
  for (std::size_t i = 1; i != Coroutines; ++i) tasks.push_back(take_turns<Divides>(bench::for_ever, stop));
  run();
}

[[gnu::noinline]] task give(int value) { co_return value; }

task spawn_and_await_one(bench::stopwatch& watch, std::size_t times) {
  int sum = 0;
  watch.start();
  for (std::size_t i = 0; i != times; ++i) {
    latch done{1};
    task child = give(1);
    child.tell(done);
    co_await done;
    sum += child.result();
  }
  watch.stop();
  bench::keep(sum);
  co_return sum;
}

void spawn_await(bench::stopwatch& watch, std::size_t operations) {
  const task main = spawn_and_await_one(watch, operations);
  run();
}

task gather_10000(bench::stopwatch& watch, std::size_t operations) {
  constexpr std::size_t count = 10'000;
  for (std::size_t i = 0; i <= operations; i += count) {  // the first time warms up
    if (i == count) watch.start();
    latch done{count};
    std::vector<task> tasks;
    tasks.reserve(count);
    for (std::size_t k = 0; k != count; ++k) tasks.push_back(give(static_cast<int>(k)));
    for (auto& child : tasks) child.tell(done);
    co_await done;
    std::vector<int> results(count);
    for (std::size_t k = 0; k != count; ++k) results[k] = tasks[k].result();
    bench::keep(results);
  }
  watch.stop();
  co_return 0;
}

void gather(bench::stopwatch& watch, std::size_t operations) {
  const task main = gather_10000(watch, operations);
  run();
}

/// Waits for a number and hands the next one on, each time through a new future.
[[gnu::noinline]] task hand_over(future& own, future& other, std::size_t turns) {
  for (; turns != 0; --turns) {
    const std::size_t value = co_await own;
    own = {};
    other.set(value + 1);
  }
  co_return 0;
}

void future_pingpong(bench::stopwatch& watch, std::size_t operations) {
  future ping;
  future pong;
  const task one = hand_over(ping, pong, operations / 2);
  const task other = hand_over(pong, ping, operations / 2);
  watch.start();
  ping.set(0);
  run();
  watch.stop();
}

/// The least that can be a generator: one coroutine, which its caller resumes.
class numbers {
 public:
  struct promise_type {
    std::size_t item = 0;
    numbers get_return_object() { return numbers{std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    std::suspend_always yield_value(std::size_t value) noexcept {
      item = value;
      return {};
    }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
  ~numbers() { handle_.destroy(); }
  numbers(const numbers&) = delete;
  numbers& operator=(const numbers&) = delete;

  std::size_t next() {
    handle_.resume();
    return handle_.promise().item;
  }

 private:
  explicit numbers(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  std::coroutine_handle<promise_type> handle_;
};

[[gnu::noinline]] numbers count_up() {
  for (std::size_t i = 0;; ++i) co_yield i;
}

void generator_next(bench::stopwatch& watch, std::size_t operations) {
  numbers all = count_up();
  std::size_t sum = all.next();
  watch.start();
  for (std::size_t i = 0; i != operations; ++i) sum += all.next();
  watch.stop();
  bench::keep(sum);
}

const bench::row yield_2{"yield/2/cpp20", 1'000'000, yield_ring<2>};
const bench::row yield_fp_2{"yield_fp/2/cpp20", 1'000'000, yield_ring<2, true>};
const bench::row yield_1000{"yield/1000/cpp20", 1'000'000, yield_ring<1000>};
const bench::row spawn_await_1{"spawn_await/1/cpp20", 500'000, spawn_await};
const bench::row gather_all{"gather/10000/cpp20", 100'000, gather};
const bench::row generator_1{"generator/next/cpp20", 1'000'000, generator_next};
const bench::row future_pingpong_2{"future_pingpong/2/cpp20", 500'000, future_pingpong};

}  // namespace
