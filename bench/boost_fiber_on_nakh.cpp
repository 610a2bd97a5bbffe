// SPDX-License-Identifier: BSL-1.0
//
// Boost's fibers on nakh's loop, by nakh/boost_fiber.hpp; otherwise as in boost_fiber.cpp.
#include "row.hpp"

#include <nakh/boost_fiber.hpp>

#include <boost/context/pooled_fixedsize_stack.hpp>
#include <boost/fiber/all.hpp>

#include <memory>
#include <vector>

namespace {

namespace fibers = boost::fibers;

boost::context::pooled_fixedsize_stack& stacks() {
  static boost::context::pooled_fixedsize_stack pool{64 * 1024, 32, 1024};
  return pool;
}

template <class Function>
fibers::fiber start(Function function) {
  return fibers::fiber{std::allocator_arg, stacks(), std::move(function)};
}

[[gnu::noinline]] void take_turns(std::size_t turns, const bool& stop) {
  for (; turns != 0 && !stop; --turns) boost::this_fiber::yield();
}

template <std::size_t Fibers>
void yield_ring(bench::stopwatch& watch, std::size_t operations) {
  nakh::boost_fiber::run([&] {
    bool stop = false;
    std::vector<fibers::fiber> others;
    for (std::size_t i = 1; i != Fibers; ++i) others.push_back(start([&stop] { take_turns(bench::for_ever, stop); }));
    boost::this_fiber::yield();
    watch.start();
    take_turns(operations / Fibers, stop);
    watch.stop();
    stop = true;
    for (auto& other : others) other.join();
  });
}

void spawn_and_join(bench::stopwatch& watch, std::size_t operations) {
  nakh::boost_fiber::run([&] {
    start([] {}).join();
    watch.start();
    for (std::size_t i = 0; i != operations; ++i) start([] {}).join();
    watch.stop();
  });
}

const bench::row yield_2{"yield/2/boost_fiber_on_nakh", 200'000, yield_ring<2>};
const bench::row yield_1000{"yield/1000/boost_fiber_on_nakh", 500'000, yield_ring<1000>};
const bench::row spawn_await_1{"spawn_await/1/boost_fiber_on_nakh", 50'000, spawn_and_join, "pooled stacks"};

}  // namespace
