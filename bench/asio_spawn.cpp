// SPDX-License-Identifier: BSL-1.0
//
// Boost.Asio's own fibers: asio::spawn, one thread, pooled stacks. Asio has no future, gather or yield; each row uses what its
// users do in their place.
#include "row.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/channel.hpp>
#include <boost/asio/experimental/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/context/pooled_fixedsize_stack.hpp>

#include <chrono>
#include <exception>
#include <memory>
#include <vector>

namespace {

namespace asio = boost::asio;
using executor = asio::io_context::executor_type;
using yield_context = asio::basic_yield_context<executor>;  // faster than the default, which can hold any executor

boost::context::pooled_fixedsize_stack& stacks() {
  static boost::context::pooled_fixedsize_stack pool{64 * 1024, 32, 1024};
  return pool;
}

template <class Function, class Token>
auto spawn(const executor& where, Function function, Token&& token) {
  return asio::spawn(where, std::allocator_arg, stacks(), std::move(function), std::forward<Token>(token));
}

/// Runs `main` as the first fiber of a new loop, until nothing is left to do.
template <class Main>
void run(Main main) {
  asio::io_context loop{1};  // 1: only this thread will run it
  spawn(loop.get_executor(), std::move(main), [](std::exception_ptr error) {
    if (error) std::rethrow_exception(error);
  });
  loop.run();
}

template <bool Divides>
[[gnu::noinline]] void take_turns(std::size_t turns, const bool& stop, const yield_context& yield) {
  double quotient = 0;
  for (; turns != 0 && !stop; --turns) {
    if constexpr (Divides) bench::divide(quotient);
    asio::post(yield);
  }
}

/// `Fibers` fibers, the measuring one among them, that do nothing but let the next one run.
template <std::size_t Fibers, bool Divides = false>
void yield_ring(bench::stopwatch& watch, std::size_t operations) {
  run([&](yield_context yield) {
    bool stop = false;
    for (std::size_t i = 1; i != Fibers; ++i) {
      spawn(
          yield.get_executor(),
          [&stop](yield_context other) {
            if constexpr (Divides) bench::clear_floating_point_flags();
            take_turns<Divides>(bench::for_ever, stop, other);
          },
          asio::detached);
    }
    take_turns<false>(3, stop, yield);
    watch.start();
    take_turns<Divides>(operations / Fibers, stop, yield);
    watch.stop();
    stop = true;
    asio::post(yield);
  });
}

/// A fiber spawned from a fiber of the same loop runs at once, inside of spawn(); what is left to join is a flag. (Passing
/// `yield` as the token instead resumes the parent from within the child's end, and 1,000 such calls in a row overflow the
/// stack.)
void spawn_and_join(bench::stopwatch& watch, std::size_t operations) {
  run([&](yield_context yield) {
    const auto once = [&] {
      bool done = false;
      spawn(yield.get_executor(), [](yield_context) {}, [&done](std::exception_ptr) { done = true; });
      while (!done) asio::post(yield);
    };
    once();
    watch.start();
    for (std::size_t i = 0; i != operations; ++i) once();
    watch.stop();
  });
}

/// The last one to finish would wake the waiter by cancelling its timer, but here too all have run when the last spawn() returns.
void gather(bench::stopwatch& watch, std::size_t operations) {
  constexpr std::size_t count = 10'000;
  run([&](yield_context yield) {
    asio::steady_timer all_done{yield.get_executor(), std::chrono::steady_clock::time_point::max()};
    const auto once = [&] {
      std::vector<int> results(count);
      std::size_t left = count;
      for (std::size_t i = 0; i != count; ++i) {
        spawn(
            yield.get_executor(), [i](yield_context) { return static_cast<int>(i); },
            [&, i](std::exception_ptr, int result) {
              results[i] = result;
              if (--left == 0) all_done.cancel();
            });
      }
      boost::system::error_code cancelled;
      if (left != 0) all_done.async_wait(yield[cancelled]);
      bench::keep(results);
    };
    once();
    watch.start();
    for (std::size_t i = 0; i != operations; i += count) once();
    watch.stop();
  });
}

/// What Asio's documentation offers for a time limit: the first of two operations, the other one is cancelled.
void wait_for(bench::stopwatch& watch, std::size_t operations) {
  namespace experimental = asio::experimental;
  run([&](yield_context yield) {
    asio::steady_timer limit{yield.get_executor()};
    const auto once = [&] {
      limit.expires_after(std::chrono::hours{1});
      experimental::make_parallel_group(spawn(
                                            yield.get_executor(), [](yield_context inner) { asio::post(inner); }, experimental::deferred),
                                        limit.async_wait(experimental::deferred))
          .async_wait(experimental::wait_for_one(), yield);
    };
    once();
    watch.start();
    for (std::size_t i = 0; i != operations; ++i) once();
    watch.stop();
  });
}

using channel = asio::experimental::channel<executor, void(boost::system::error_code, std::size_t)>;

/// Waits for a number and hands the next one on, through channels with room for one.
[[gnu::noinline]] void hand_over(channel& own, channel& other, std::size_t turns, const yield_context& yield) {
  for (; turns != 0; --turns) other.async_send({}, own.async_receive(yield) + 1, yield);
}

void channel_pingpong(bench::stopwatch& watch, std::size_t operations) {
  run([&](yield_context yield) {
    channel ping{yield.get_executor(), 1};
    channel pong{yield.get_executor(), 1};
    bool ended = false;
    spawn(
        yield.get_executor(), [&](yield_context other) { hand_over(ping, pong, operations / 2, other); },
        [&ended](std::exception_ptr) { ended = true; });
    watch.start();
    ping.async_send({}, 0, yield);
    hand_over(pong, ping, operations / 2, yield);
    watch.stop();
    while (!ended) asio::post(yield);
  });
}

void sleep(bench::stopwatch& watch, std::size_t operations) {
  run([&](yield_context yield) {
    asio::steady_timer timer{yield.get_executor()};
    const auto once = [&] {
      timer.expires_after(std::chrono::microseconds{1});
      timer.async_wait(yield);
    };
    once();
    watch.start();
    for (std::size_t i = 0; i != operations; ++i) once();
    watch.stop();
  });
}

const bench::row yield_2{"yield/2/asio_spawn", 50'000, yield_ring<2>, "post"};
const bench::row yield_fp_2{"yield_fp/2/asio_spawn", 50'000, yield_ring<2, true>, "post"};
const bench::row yield_1000{"yield/1000/asio_spawn", 100'000, yield_ring<1000>, "post"};
const bench::row spawn_await_1{"spawn_await/1/asio_spawn", 50'000, spawn_and_join, "pooled stacks"};
const bench::row gather_10000{"gather/10000/asio_spawn", 50'000, gather, "pooled stacks"};
const bench::row wait_for_1{"wait_for/1/asio_spawn", 20'000, wait_for, "parallel_group"};
const bench::row pingpong_2{"future_pingpong/2/asio_spawn", 50'000, channel_pingpong, "channel"};
const bench::row sleep_1{"sleep/1/asio_spawn", 1'000, sleep};

}  // namespace
