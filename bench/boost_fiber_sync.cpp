// SPDX-License-Identifier: BSL-1.0
//
// Boost.Fiber's locks and channels.
#include "row.hpp"

#include <boost/context/pooled_fixedsize_stack.hpp>
#include <boost/fiber/all.hpp>

#include <memory>
#include <mutex>

namespace {

namespace fibers = boost::fibers;

template <class Function>
fibers::fiber start(Function function) {
  static boost::context::pooled_fixedsize_stack stacks{64 * 1024, 32, 1024};
  return fibers::fiber{std::allocator_arg, stacks, std::move(function)};
}

void mutex_pingpong(bench::stopwatch& watch, std::size_t operations) {
  fibers::mutex mutex;
  const auto take_turns = [&mutex, turns = operations / 2] {
    for (std::size_t i = 0; i != turns; ++i) {
      const std::scoped_lock hold(mutex);
      boost::this_fiber::yield();
    }
  };
  watch.start();
  auto other = start(take_turns);
  take_turns();
  other.join();
  watch.stop();
}

void condition_pingpong(bench::stopwatch& watch, std::size_t operations) {
  fibers::mutex mutex;
  fibers::condition_variable changed;
  int turn = 0;
  const auto take_turns = [&, turns = operations / 2](int own) {
    std::unique_lock hold(mutex);
    for (std::size_t i = 0; i != turns; ++i) {
      changed.wait(hold, [&] { return turn == own; });
      turn = 1 - own;
      changed.notify_one();
    }
  };
  watch.start();
  auto other = start([&] { take_turns(1); });
  take_turns(0);
  other.join();
  watch.stop();
}

/// Buffered channels have room for one less than they are made with.
void queue_pingpong(bench::stopwatch& watch, std::size_t operations) {
  fibers::buffered_channel<std::size_t> there{2};
  fibers::buffered_channel<std::size_t> back{2};
  auto other = start([&] {
    for (std::size_t i = 0; i != operations / 2; ++i) back.push(there.value_pop() + 1);
  });
  std::size_t value = 0;
  watch.start();
  for (std::size_t i = 0; i != operations / 2; ++i) {
    there.push(value);
    value = back.value_pop();
  }
  watch.stop();
  bench::keep(value);
  other.join();
}

const bench::row mutex_pingpong_2{"mutex_pingpong/2/boost_fiber", 100'000, mutex_pingpong, "who has it takes it again"};
const bench::row condition_pingpong_2{"condition_pingpong/2/boost_fiber", 50'000, condition_pingpong};
const bench::row queue_pingpong_2{"queue_pingpong/2/boost_fiber", 50'000, queue_pingpong, "buffered_channel"};

}  // namespace
