// SPDX-License-Identifier: BSL-1.0
//
// Sleeping fibers of asio::spawn, each with its steady_timer, on pooled stacks without guards.
#include "memory/usage.hpp"

#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/context/pooled_fixedsize_stack.hpp>

#include <memory>

namespace {

namespace asio = boost::asio;
using executor = asio::io_context::executor_type;
using yield_context = asio::basic_yield_context<executor>;

void sleep(bench::stopwatch& watch, std::size_t count) {
  boost::context::pooled_fixedsize_stack stacks{64 * 1024, 32, 1024};
  asio::io_context loop{1};
  const bench::usage before = bench::usage::now();
  const auto due = bench::due_for(count);
  std::size_t finished = 0;
  for (std::size_t i = 0; i != count; ++i) {
    asio::spawn(
        loop.get_executor(), std::allocator_arg, stacks,
        [&](yield_context yield) {
          asio::steady_timer timer{yield.get_executor(), due};
          timer.async_wait(yield);
          ++finished;
        },
        asio::detached);
  }
  for (std::size_t i = 0; i != count; ++i) loop.poll_one();  // each goes to sleep; none is due yet
  bench::report_parked(watch, before, count);
  bench::block_until(due, watch);
  watch.start();
  loop.run();
  watch.stop();
  if (finished != count) watch.fail("not all have finished");
}

void sleep_100000(bench::stopwatch& watch, std::size_t) { sleep(watch, 100'000); }
void sleep_1000000(bench::stopwatch& watch, std::size_t) { sleep(watch, 1'000'000); }

const bench::row some{"sleep/100000/asio_spawn", 1, sleep_100000, "from due to all finished"};
const bench::row all{"sleep/1000000/asio_spawn", 1, sleep_1000000, "from due to all finished"};

}  // namespace
