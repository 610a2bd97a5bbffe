// SPDX-License-Identifier: BSL-1.0
//
// Boost.Asio's coroutines: asio::awaitable with co_spawn, one thread, a concrete executor.
#include "row.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <exception>
#include <utility>

namespace {

namespace asio = boost::asio;
using executor = asio::io_context::executor_type;
template <class T>
using awaitable = asio::awaitable<T, executor>;
constexpr asio::use_awaitable_t<executor> use_awaitable;

/// Runs `main` as the first coroutine of a new loop, until nothing is left to do.
template <class Main>
void run(Main main) {
  asio::io_context loop{1};  // 1: only this thread will run it
  asio::co_spawn(loop.get_executor(), main(loop.get_executor()), [](std::exception_ptr error) {
    if (error) std::rethrow_exception(error);
  });
  loop.run();
}

[[gnu::noinline]] awaitable<void> take_turns(std::size_t turns, const bool& stop, executor where) {
  for (; turns != 0 && !stop; --turns) co_await asio::post(where, use_awaitable);
}

template <std::size_t Coroutines>
void yield_ring(bench::stopwatch& watch, std::size_t operations) {
  bool stop = false;
  run([&](executor where) -> awaitable<void> {
    for (std::size_t i = 1; i != Coroutines; ++i) asio::co_spawn(where, take_turns(bench::for_ever, stop, where), asio::detached);
    co_await take_turns(3, stop, where);
    watch.start();
    co_await take_turns(operations / Coroutines, stop, where);
    watch.stop();
    stop = true;
  });
}

[[gnu::noinline]] awaitable<int> give(int value) { co_return value; }

void spawn_await(bench::stopwatch& watch, std::size_t operations) {
  int sum = 0;
  run([&](executor where) -> awaitable<void> {
    sum += co_await asio::co_spawn(where, give(1), use_awaitable);
    watch.start();
    for (std::size_t i = 0; i != operations; ++i) sum += co_await asio::co_spawn(where, give(1), use_awaitable);
    watch.stop();
  });
  bench::keep(sum);
}

[[gnu::noinline]] awaitable<int> descend(int depth, executor where) {
  if (depth == 0) {
    co_await asio::post(where, use_awaitable);
    co_return 1;
  }
  const int below = co_await descend(depth - 1, where);
  co_return below + 1;
}

template <int Depth>
void deep_await(bench::stopwatch& watch, std::size_t operations) {
  int sum = 0;
  bool stop = false;
  run([&](executor where) -> awaitable<void> {
    asio::co_spawn(where, take_turns(bench::for_ever, stop, where), asio::detached);
    sum += co_await descend(Depth - 1, where);
    watch.start();
    for (std::size_t i = 0; i != operations; ++i) sum += co_await descend(Depth - 1, where);
    watch.stop();
    stop = true;
  });
  bench::keep(sum);
}

const bench::row yield_2{"yield/2/asio_awaitable", 200'000, yield_ring<2>};
const bench::row yield_1000{"yield/1000/asio_awaitable", 200'000, yield_ring<1000>};
const bench::row spawn_await_1{"spawn_await/1/asio_awaitable", 100'000, spawn_await};
const bench::row deep_await_1{"deep_await/1/asio_awaitable", 100'000, deep_await<1>};
const bench::row deep_await_10{"deep_await/10/asio_awaitable", 50'000, deep_await<10>};
const bench::row deep_await_100{"deep_await/100/asio_awaitable", 10'000, deep_await<100>};

}  // namespace
