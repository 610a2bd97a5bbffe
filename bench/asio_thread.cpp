// SPDX-License-Identifier: BSL-1.0
//
// Boost.Asio's way to another thread: post to a thread_pool, and from there back to the io_context.
#include "row.hpp"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

#include <chrono>
#include <exception>
#include <utility>

namespace {

namespace asio = boost::asio;
using executor = asio::io_context::executor_type;
using yield_context = asio::basic_yield_context<executor>;

/// Runs `f` in a thread of the pool; the fiber goes on in its own.
template <class Function>
void in_thread(asio::thread_pool& pool, Function f, const yield_context& yield) {
  asio::async_initiate<const yield_context, void()>(
      [&pool, f = std::move(f)](auto handler) mutable {
        asio::post(pool, [f = std::move(f), handler = std::move(handler)]() mutable {
          f();
          const auto home = asio::get_associated_executor(handler);
          asio::post(home, std::move(handler));
        });
      },
      yield);
}

void to_thread(bench::stopwatch& watch, std::size_t operations) {
  asio::io_context loop{1};
  const auto work = asio::make_work_guard(loop);  // the loop does not see what the pool does for it
  // A loop without descriptors and timers waits in a condition variable, as no program that does I/O can.
  asio::steady_timer timer{loop, std::chrono::hours{1}};
  timer.async_wait([](const boost::system::error_code&) {});
  asio::thread_pool pool{1};
  asio::spawn(
      loop.get_executor(),
      [&](yield_context yield) {
        std::size_t calls = 0;
        const auto once = [&] { in_thread(pool, [&calls] { ++calls; }, yield); };
        once();
        watch.start();
        for (std::size_t i = 0; i != operations; ++i) once();
        watch.stop();
        bench::keep(calls);
        loop.stop();
      },
      [](std::exception_ptr error) {
        if (error) std::rethrow_exception(error);
      });
  loop.run();
}

const bench::row to_thread_1{"to_thread/1/asio_spawn", 20'000, to_thread, "thread_pool of one thread"};

}  // namespace
