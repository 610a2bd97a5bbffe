// SPDX-License-Identifier: BSL-1.0
//
// A guarded stack costs Boost.Fiber two of the process's 65,530 mappings, so that it ends near 32,000 fibers. The row of a
// million has stacks without guards, from a pool.
#include "memory/usage.hpp"

#include <boost/context/pooled_fixedsize_stack.hpp>
#include <boost/context/protected_fixedsize_stack.hpp>
#include <boost/fiber/all.hpp>

#include <memory>
#include <new>
#include <vector>

namespace {

namespace fibers = boost::fibers;
constexpr std::size_t stack_size = 64 * 1024;

template <class StackAllocator>
void park(bench::stopwatch& watch, std::size_t count, StackAllocator stacks) {
  fibers::promise<void> event;
  const fibers::shared_future<void> happened = event.get_future().share();
  std::vector<fibers::fiber> parked;
  parked.reserve(count);
  std::size_t woken = 0;

  const bench::usage before = bench::usage::now();
  watch.start();
  for (std::size_t i = 0; i != count; ++i) {
    parked.emplace_back(std::allocator_arg, stacks, [&] {
      happened.wait();
      ++woken;
    });
  }
  boost::this_fiber::yield();
  watch.stop();
  watch.report("park_ns_each", watch.elapsed() / static_cast<double>(count));
  bench::report_parked(watch, before, count);

  watch.start();
  event.set_value();
  for (auto& fiber : parked) fiber.join();
  watch.stop();
  watch.report("wake_ns_each", watch.elapsed() / static_cast<double>(count));
  if (woken != count) watch.fail("not all were woken");
}

void park_pooled(bench::stopwatch& watch, std::size_t count) {
  park(watch, count, boost::context::pooled_fixedsize_stack{stack_size, 32, 1024});
}

void park_guarded(bench::stopwatch& watch, std::size_t count) { park(watch, count, boost::context::protected_fixedsize_stack{stack_size}); }

const bench::row park_100000{"park/100000/boost_fiber", 100'000, park_pooled, "stacks without guards"};
const bench::row park_1000000{"park/1000000/boost_fiber", 1'000'000, park_pooled, "stacks without guards"};
const bench::row park_30000{"park/30000/boost_fiber", 30'000, park_guarded, "guarded; ends near 32,000"};

}  // namespace
