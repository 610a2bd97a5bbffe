// SPDX-License-Identifier: BSL-1.0
//
// Nakh's coroutines: the same operations, on the same loop.
#include "row.hpp"

#include <nakh/nakh.hpp>
#include <nakh/stackless.hpp>

#include <chrono>
#include <stdexcept>
#include <vector>

namespace {

namespace stackless = nakh::stackless;
using stackless::task;

template <bool Divides>
[[gnu::noinline]] task<> take_turns(std::size_t turns, const bool& stop) {
  double quotient = 0;
  for (; turns != 0 && !stop; --turns) {
    if constexpr (Divides) bench::divide(quotient);
    co_await stackless::yield();
  }
}

template <std::size_t Coroutines, bool Divides>
task<> measure_turns(bench::stopwatch& watch, std::size_t operations) {
  bool stop = false;
  std::vector<nakh::task<>> others;
  for (std::size_t i = 1; i != Coroutines; ++i) others.push_back(stackless::spawn(take_turns<Divides>(bench::for_ever, stop)));
  co_await stackless::yield();
  watch.start();
  co_await take_turns<Divides>(operations / Coroutines, stop);
  watch.stop();
  stop = true;
  co_await stackless::gather(others);
}

template <std::size_t Coroutines, bool Divides = false>
void yield_ring(bench::stopwatch& watch, std::size_t operations) {
  stackless::run(measure_turns<Coroutines, Divides>(watch, operations));
}

[[gnu::noinline]] task<int> give(int value) { co_return value; }

task<> spawn_and_await_one(bench::stopwatch& watch, std::size_t times) {
  int sum = co_await stackless::spawn(give(1));
  watch.start();
  for (std::size_t i = 0; i != times; ++i) sum += co_await stackless::spawn(give(1));
  watch.stop();
  bench::keep(sum);
}
void spawn_await(bench::stopwatch& watch, std::size_t operations) { stackless::run(spawn_and_await_one(watch, operations)); }

task<> gather_10000(bench::stopwatch& watch, std::size_t operations) {
  constexpr std::size_t count = 10'000;
  for (std::size_t i = 0; i <= operations; i += count) {  // the first time warms up
    if (i == count) watch.start();
    std::vector<nakh::task<int>> tasks;
    tasks.reserve(count);
    for (std::size_t k = 0; k != count; ++k) tasks.push_back(stackless::spawn(give(static_cast<int>(k))));
    std::vector<int> results = co_await stackless::gather(tasks);
    bench::keep(results);
  }
  watch.stop();
}
void gather(bench::stopwatch& watch, std::size_t operations) { stackless::run(gather_10000(watch, operations)); }

task<int> one_turn() {
  co_await stackless::yield();
  co_return 1;
}
task<> limit_many(bench::stopwatch& watch, std::size_t times) {
  int answers = co_await stackless::wait_for(one_turn(), std::chrono::hours{1});
  watch.start();
  for (std::size_t i = 0; i != times; ++i) answers += co_await stackless::wait_for(one_turn(), std::chrono::hours{1});
  watch.stop();
  bench::keep(answers);
}
void wait_for(bench::stopwatch& watch, std::size_t operations) { stackless::run(limit_many(watch, operations)); }

[[gnu::noinline]] task<> hand_over(nakh::future<std::size_t>& own, nakh::future<std::size_t>& other, std::size_t turns) {
  for (; turns != 0; --turns) {
    const std::size_t value = co_await own;
    own = {};
    other.set_result(value + 1);
  }
}
task<> play_pingpong(bench::stopwatch& watch, std::size_t operations) {
  nakh::future<std::size_t> ping;
  nakh::future<std::size_t> pong;
  const auto other = stackless::spawn(hand_over(ping, pong, operations / 2));
  co_await stackless::yield();
  watch.start();
  ping.set_result(0);
  co_await hand_over(pong, ping, operations / 2);
  watch.stop();
  co_await other;
}
void future_pingpong(bench::stopwatch& watch, std::size_t operations) { stackless::run(play_pingpong(watch, operations)); }

[[gnu::noinline]] task<> hold_in_turn(nakh::mutex& mutex, std::size_t turns) {
  for (std::size_t i = 0; i != turns; ++i) {
    const auto hold = co_await stackless::hold(mutex);
    co_await stackless::yield();
  }
}
task<> play_mutex(bench::stopwatch& watch, std::size_t operations) {
  nakh::mutex mutex;
  watch.start();
  const auto other = stackless::spawn(hold_in_turn(mutex, operations / 2));
  co_await hold_in_turn(mutex, operations / 2);
  co_await other;
  watch.stop();
}
void mutex_pingpong(bench::stopwatch& watch, std::size_t operations) { stackless::run(play_mutex(watch, operations)); }

[[gnu::noinline]] task<> answer_queue(nakh::queue<std::size_t>& there, nakh::queue<std::size_t>& back, std::size_t turns) {
  for (std::size_t i = 0; i != turns; ++i) {
    const std::size_t value = co_await stackless::get(there);
    co_await stackless::put(back, value + 1);
  }
}
task<> play_queue(bench::stopwatch& watch, std::size_t operations) {
  nakh::queue<std::size_t> there(1);
  nakh::queue<std::size_t> back(1);
  const auto other = stackless::spawn(answer_queue(there, back, operations / 2));
  std::size_t value = 0;
  watch.start();
  for (std::size_t i = 0; i != operations / 2; ++i) {
    co_await stackless::put(there, value);
    value = co_await stackless::get(back);
  }
  watch.stop();
  bench::keep(value);
  co_await other;
}
void queue_pingpong(bench::stopwatch& watch, std::size_t operations) { stackless::run(play_queue(watch, operations)); }

[[gnu::noinline]] stackless::generator<std::size_t> count_up() {
  for (std::size_t i = 0;; ++i) co_yield i;
}
task<> ask_generator(bench::stopwatch& watch, std::size_t times) {
  auto numbers = count_up();
  std::size_t sum = *co_await numbers.next();
  watch.start();
  for (std::size_t i = 0; i != times; ++i) sum += *co_await numbers.next();
  watch.stop();
  bench::keep(sum);
  co_await numbers.close();
}
void generator_next(bench::stopwatch& watch, std::size_t operations) { stackless::run(ask_generator(watch, operations)); }

/// A chain of calls, each of which awaits the next one; the innermost gives its turn once, to another one that gives it back.
[[gnu::noinline]] task<int> descend(int depth) {
  if (depth == 0) {
    co_await stackless::yield();
    co_return 1;
  }
  const int below = co_await descend(depth - 1);
  co_return below + 1;
}
task<> descend_often(bench::stopwatch& watch, std::size_t times, int depth) {
  bool stop = false;
  const auto other = stackless::spawn(take_turns<false>(bench::for_ever, stop));
  int sum = co_await descend(depth - 1);
  watch.start();
  for (std::size_t i = 0; i != times; ++i) sum += co_await descend(depth - 1);
  watch.stop();
  bench::keep(sum);
  stop = true;
  co_await other;
}
template <int Depth>
void deep_await(bench::stopwatch& watch, std::size_t operations) {
  stackless::run(descend_often(watch, operations, Depth));
}

/// An exception on its way through so many coroutines.
[[gnu::noinline]] task<int> fail(int depth) {
  if (depth == 0) throw std::runtime_error("as intended");
  const int below = co_await fail(depth - 1);
  co_return below + 1;
}
task<> fail_often(bench::stopwatch& watch, std::size_t times, int depth) {
  int caught = 0;
  watch.start();
  for (std::size_t i = 0; i != times; ++i) {
    try {
      co_await fail(depth - 1);
    } catch (const std::runtime_error&) {
      ++caught;
    }
  }
  watch.stop();
  bench::keep(caught);
}
template <int Depth>
void throw_through(bench::stopwatch& watch, std::size_t operations) {
  stackless::run(fail_often(watch, operations, Depth));
}

const bench::row yield_2{"yield/2/stackless", 1'000'000, yield_ring<2>};
const bench::row yield_fp_2{"yield_fp/2/stackless", 500'000, yield_ring<2, true>};
const bench::row yield_1000{"yield/1000/stackless", 1'000'000, yield_ring<1000>};
const bench::row spawn_await_1{"spawn_await/1/stackless", 500'000, spawn_await};
const bench::row gather_all{"gather/10000/stackless", 100'000, gather};
const bench::row wait_for_1{"wait_for/1/stackless", 500'000, wait_for};
const bench::row future_pingpong_2{"future_pingpong/2/stackless", 500'000, future_pingpong};
const bench::row mutex_pingpong_2{"mutex_pingpong/2/stackless", 500'000, mutex_pingpong};
const bench::row queue_pingpong_2{"queue_pingpong/2/stackless", 500'000, queue_pingpong};
const bench::row generator_1{"generator/next/stackless", 1'000'000, generator_next};
const bench::row deep_await_1{"deep_await/1/stackless", 500'000, deep_await<1>};
const bench::row deep_await_10{"deep_await/10/stackless", 100'000, deep_await<10>};
const bench::row deep_await_100{"deep_await/100/stackless", 20'000, deep_await<100>};
const bench::row throw_10{"throw/10/stackless", 5'000, throw_through<10>};

}  // namespace
