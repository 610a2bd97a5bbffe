// SPDX-License-Identifier: BSL-1.0
//
// Boost.Fiber as its documentation shows it, with what makes it fastest: one thread, the default round-robin scheduler, pooled
// stacks.
#include "row.hpp"

#include <boost/context/pooled_fixedsize_stack.hpp>
#include <boost/fiber/all.hpp>

#include <chrono>
#include <memory>
#include <vector>

namespace {

namespace fibers = boost::fibers;

/// One pool for all rows, as a program would have it.
boost::context::pooled_fixedsize_stack& stacks() {
  static boost::context::pooled_fixedsize_stack pool{64 * 1024, 32, 1024};
  return pool;
}

template <class Function>
fibers::fiber start(Function function) {
  return fibers::fiber{std::allocator_arg, stacks(), std::move(function)};
}

template <class Function>
auto async(Function function) {
  return fibers::async(fibers::launch::post, std::allocator_arg, stacks(), std::move(function));
}

template <bool Divides, int Copy = 0>
[[gnu::noinline, gnu::no_icf]] void take_turns(std::size_t turns, const bool& stop) {
  double quotient = 0;
  for (; turns != 0 && !stop; --turns) {
    if constexpr (Divides) bench::divide(quotient);
    boost::this_fiber::yield();
  }
}

/// `Fibers` fibers, the measuring one among them, that do nothing but let the next one run, in the same function or (two copies)
/// in two.
template <std::size_t Fibers, bool Divides = false, int Copies = 1>
void yield_ring(bench::stopwatch& watch, std::size_t operations) {
  bool stop = false;
  std::vector<fibers::fiber> others;
  for (std::size_t i = 1; i != Fibers; ++i) {
    others.push_back(start([&stop] {
      if constexpr (Divides) bench::clear_floating_point_flags();
      take_turns<Divides, Copies - 1>(bench::for_ever, stop);
    }));
  }
  boost::this_fiber::yield();
  watch.start();
  take_turns<Divides>(operations / Fibers, stop);
  watch.stop();
  stop = true;
  for (auto& other : others) other.join();
}

void spawn_and_join(bench::stopwatch& watch, std::size_t operations) {
  start([] {}).join();
  watch.start();
  for (std::size_t i = 0; i != operations; ++i) start([] {}).join();
  watch.stop();
}

/// Joining fibers that leave their result in a vector is faster than collecting futures, so that is what is measured.
void gather(bench::stopwatch& watch, std::size_t operations) {
  constexpr std::size_t count = 10'000;
  const auto once = [] {
    std::vector<int> results(count);
    std::vector<fibers::fiber> tasks;
    tasks.reserve(count);
    for (std::size_t i = 0; i != count; ++i) tasks.push_back(start([&results, i] { results[i] = static_cast<int>(i); }));
    for (auto& task : tasks) task.join();
    bench::keep(results);
  };
  once();
  watch.start();
  for (std::size_t i = 0; i != operations; i += count) once();
  watch.stop();
}

/// There is no wait_for of a function here: a fiber and a future's wait_for are the closest.
void wait_for(bench::stopwatch& watch, std::size_t operations) {
  int answers = 0;
  watch.start();
  for (std::size_t i = 0; i != operations; ++i) {
    auto result = async([] {
      boost::this_fiber::yield();
      return 1;
    });
    if (result.wait_for(std::chrono::hours{1}) == fibers::future_status::ready) answers += result.get();
  }
  watch.stop();
  bench::keep(answers);
}

/// Waits for a number and hands the next one on, each time through a new promise.
[[gnu::noinline]] void hand_over(fibers::promise<std::size_t>& own, fibers::promise<std::size_t>& other, std::size_t turns) {
  for (; turns != 0; --turns) {
    const std::size_t value = own.get_future().get();
    own = {};
    other.set_value(value + 1);
  }
}

void future_pingpong(bench::stopwatch& watch, std::size_t operations) {
  fibers::promise<std::size_t> ping;
  fibers::promise<std::size_t> pong;
  auto other = start([&] { hand_over(ping, pong, operations / 2); });
  watch.start();
  ping.set_value(0);
  hand_over(pong, ping, operations / 2);
  watch.stop();
  other.join();
}

/// A short sleep, again and again: what counts here is the number of allocations; the time is mostly the sleep.
void sleep(bench::stopwatch& watch, std::size_t operations) {
  boost::this_fiber::sleep_for(std::chrono::microseconds{1});
  watch.start();
  for (std::size_t i = 0; i != operations; ++i) boost::this_fiber::sleep_for(std::chrono::microseconds{1});
  watch.stop();
}

const bench::row yield_2{"yield/2/boost_fiber", 200'000, yield_ring<2>};
const bench::row yield_between_2{"yield_between/2/boost_fiber", 200'000, yield_ring<2, false, 2>, "two functions"};
const bench::row yield_fp_2{"yield_fp/2/boost_fiber", 200'000, yield_ring<2, true>};
const bench::row yield_1000{"yield/1000/boost_fiber", 500'000, yield_ring<1000>};
const bench::row spawn_await_1{"spawn_await/1/boost_fiber", 50'000, spawn_and_join, "pooled stacks"};
const bench::row gather_10000{"gather/10000/boost_fiber", 50'000, gather, "pooled stacks"};
const bench::row wait_for_1{"wait_for/1/boost_fiber", 50'000, wait_for, "a fiber and a future"};
const bench::row future_pingpong_2{"future_pingpong/2/boost_fiber", 50'000, future_pingpong};
const bench::row sleep_1{"sleep/1/boost_fiber", 1'000, sleep};

}  // namespace
