// SPDX-License-Identifier: BSL-1.0
#include <nakh/asio.hpp>

#include "support/coroutines.hpp"
#include "support/fixture.hpp"

#include <nakh/future.hpp>
#include <nakh/gather.hpp>
#include <nakh/stackless.hpp>
#include <nakh/task.hpp>
#include <nakh/task_group.hpp>
#include <nakh/testing.hpp>
#include <nakh/timeout.hpp>

#include <fcntl.h>
#include <unistd.h>
#include <array>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/experimental/channel.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/serial_port.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/write.hpp>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>

using namespace nakh;
using namespace nakh::test;
using namespace std::chrono_literals;
namespace asio = boost::asio;

namespace {

using stream_socket = asio::local::stream_protocol::socket;

struct socket_pair {
  socket_pair() { asio::local::connect_pair(one, other); }
  stream_socket one{get_executor()};
  stream_socket other{get_executor()};
};

std::string error_of(auto&& f) {
  try {
    f();
    return "nothing";
  } catch (const std::system_error& e) {
    if (e.code() == make_error_code(asio::error::operation_aborted)) return "aborted";
    if (e.code() == make_error_code(asio::error::eof)) return "eof";
    if (e.code() == make_error_code(asio::error::connection_refused)) return "refused";
    return e.code().message();
  } catch (const cancelled_error&) {
    return "cancelled";
  } catch (const timeout_error&) {
    return "timeout";
  }
}

std::string read_text(stream_socket& s, std::size_t size) {
  std::string text(size, '\0');
  asio::async_read(s, asio::buffer(text), use_fiber);
  return text;
}

}  // namespace

TEST_CASE_FIXTURE(fixture, "use_fiber: an operation is a function that returns its result, while others run") {
  run([&] {
    socket_pair sockets;
    trace said;
    const auto reader = async([&] {
      said("reads");
      std::array<char, 16> bytes{};
      const std::size_t n = sockets.one.async_read_some(asio::buffer(bytes), use_fiber);
      said(std::string(bytes.data(), n));
    });
    yield();
    said("writes");
    CHECK(asio::async_write(sockets.other, asio::buffer("hello", 5), use_fiber) == 5);
    await(reader);
    CHECK(said.take() == "reads writes hello");
  });
}

TEST_CASE_FIXTURE(fixture, "use_fiber: an error is thrown as std::system_error, or stored") {
  run([&] {
    std::array<char, 16> bytes{};
    // A pair each: Asio lets nobody read a second time behind the end.
    const auto ended = [&](auto read) {
      socket_pair sockets;
      sockets.other.close();
      read(sockets.one);
    };
    ended([&](stream_socket& s) { CHECK(error_of([&] { s.async_read_some(asio::buffer(bytes), use_fiber); }) == "eof"); });
    ended([&](stream_socket& s) {
      boost::system::error_code error;
      CHECK(s.async_read_some(asio::buffer(bytes), use_fiber[error]) == 0);
      CHECK(error == asio::error::eof);
    });
    ended([&](stream_socket& s) {
      std::error_code error;
      CHECK(s.async_read_some(asio::buffer(bytes), use_fiber[error]) == 0);
      CHECK(error == make_error_code(asio::error::eof));
    });

    asio::ip::tcp::socket refused(get_executor());
    asio::ip::tcp::acceptor nobody(get_executor(), {asio::ip::address_v4::loopback(), 0});
    const auto there = nobody.local_endpoint();
    nobody.close();
    CHECK(error_of([&] { refused.async_connect(there, use_fiber); }) == "refused");
  });
}

TEST_CASE_FIXTURE(fixture, "use_fiber: results of each shape") {
  run([&] {
    asio::steady_timer timer(get_executor(), 0s);
    static_assert(std::is_void_v<decltype(timer.async_wait(use_fiber))>);
    timer.async_wait(use_fiber);
    asio::post(get_executor(), use_fiber);

    const auto none = [](auto&& token) {
      return asio::async_initiate<decltype(token), void()>([](auto h) { asio::post(get_executor(), std::move(h)); }, token);
    };
    static_assert(std::is_void_v<decltype(none(use_fiber))>);
    none(use_fiber);

    const auto one = asio::async_initiate<const use_fiber_t&, void(std::string)>(
        [](auto h) { asio::post(get_executor(), [h = std::move(h)]() mutable { std::move(h)(std::string("one")); }); }, use_fiber);
    CHECK(one == "one");

    const auto two = asio::async_initiate<const use_fiber_t&, void(std::error_code, int, std::unique_ptr<int>)>(
        [](auto h) {
          asio::post(get_executor(), [h = std::move(h)]() mutable { std::move(h)(std::error_code(), 2, std::make_unique<int>(3)); });
        },
        use_fiber);
    CHECK(std::get<0>(two) == 2);
    CHECK(*std::get<1>(two) == 3);

    const auto failing = [] {
      asio::async_initiate<const use_fiber_t&, void(std::exception_ptr)>(
          [](auto h) {
            asio::post(get_executor(), [h = std::move(h)]() mutable { std::move(h)(std::make_exception_ptr(std::out_of_range("far"))); });
          },
          use_fiber);
    };
    CHECK_THROWS_AS(failing(), std::out_of_range);
  });
}

TEST_CASE_FIXTURE(
    fixture, "use_fiber: a handler that is dropped uncalled ends the operation as aborted; an initiation that throws lets its error out") {
  run([&] {
    CHECK(error_of([] { asio::async_initiate<const use_fiber_t&, void(std::error_code)>([](auto) {}, use_fiber); }) == "aborted");
    CHECK(error_of([] {
            asio::async_initiate<const use_fiber_t&, void(int)>([](auto h) { asio::post(get_executor(), [h = std::move(h)] {}); },
                                                                use_fiber);
          }) == "aborted");
    CHECK_THROWS_AS((asio::async_initiate<const use_fiber_t&, void()>([](auto) { throw std::length_error("no"); }, use_fiber)),
                    std::length_error);
  });
}

TEST_CASE_FIXTURE(fixture, "use_fiber: a cancellation ends the operation") {
  run([&] {
    socket_pair sockets;
    std::array<char, 16> bytes{};
    SUBCASE("while it waits") {
      const auto reader = async([&] { return error_of([&] { sockets.one.async_read_some(asio::buffer(bytes), use_fiber); }); });
      yield();
      reader.cancel();
      CHECK(await(reader) == "cancelled");
    }
    SUBCASE("pending before it begins: it does not begin") {
      const auto reader = async([&] {
        current_task().cancel();
        return error_of([&] { asio::async_write(sockets.one, asio::buffer("x", 1), use_fiber); });
      });
      CHECK(await(reader) == "cancelled");
      CHECK(sockets.other.available() == 0);
    }
    SUBCASE("a time limit") {
      CHECK(error_of([&] { timeout(1s, [&] { sockets.one.async_read_some(asio::buffer(bytes), use_fiber); }); }) == "timeout");
    }
    SUBCASE("with the error stored") {
      boost::system::error_code error;
      CHECK(error_of([&] { timeout(1s, [&] { sockets.one.async_read_some(asio::buffer(bytes), use_fiber[error]); }); }) == "timeout");
    }
    SUBCASE("a composed operation, in its middle") {
      asio::write(sockets.other, asio::buffer("ab", 2));
      std::string text(3, '.');
      CHECK(error_of([&] { timeout(1s, [&] { asio::async_read(sockets.one, asio::buffer(text), use_fiber); }); }) == "timeout");
      CHECK(text == std::string("ab."));
    }
    // It is as good as new.
    asio::write(sockets.other, asio::buffer("new", 3));
    CHECK(read_text(sockets.one, 3) == "new");
  });
}

TEST_CASE_FIXTURE(fixture, "use_fiber: what has succeeded when the cancellation comes is kept, and the cancellation comes next") {
  run([&] {
    socket_pair sockets;
    std::string got;
    const auto reader = async([&] {
      got = read_text(sockets.one, 2);
      return caught([] { sleep(1s); });
    });
    yield();
    asio::write(sockets.other, asio::buffer("ok", 2));
    asio::post(get_executor(), [&] {});
    // The handler is queued now; the task hears of both at once.
    const auto both = async([&] {
      while (sockets.one.available() > 0) yield();
      reader.cancel();
    });
    CHECK(await(reader) == "cancelled_error");
    await(both);
    CHECK(got == "ok");
  });
}

TEST_CASE_FIXTURE(fixture, "use_fiber: outside a task it throws") {
  CHECK(caught([] { return get_executor(); }) == "usage_error");
  event_loop loop;
  asio::steady_timer timer(get_executor(loop), 0s);
  CHECK(caught([&] { timer.async_wait(use_fiber); }) == "usage_error");
  loop.call_soon([&] {
    CHECK(caught([&] { timer.async_wait(use_fiber); }) == "usage_error");
    loop.stop();
  });
  loop.run_forever();
}

TEST_CASE_FIXTURE(fixture, "use_fiber as the default token of an object") {
  run([&] {
    socket_pair sockets;
    auto reader = use_fiber.as_default_on(std::move(sockets.one));
    asio::write(sockets.other, asio::buffer("abc", 3));
    std::array<char, 3> bytes{};
    CHECK(reader.async_read_some(asio::buffer(bytes)) == 3);
    CHECK(std::string(bytes.data(), 3) == "abc");
    use_fiber_t::as_default_on_t<asio::steady_timer> timer(get_executor(), 0s);
    timer.async_wait();
  });
}

TEST_CASE_FIXTURE(fixture, "use_fiber: objects of another executor: the result comes back to the loop, a cancellation goes there") {
  asio::thread_pool pool(2);
  const auto here = std::this_thread::get_id();
  runner r({.loop = {.clock = nullptr}});
  r.run([&] {
    SUBCASE("a result") {
      asio::steady_timer timer(pool, 1ms);
      timer.async_wait(use_fiber);
      CHECK(std::this_thread::get_id() == here);
    }
    SUBCASE("many at once") {
      int done = 0;
      std::vector<task<>> all;
      for (int i = 0; i < 100; ++i)
        all.push_back(async([&] {
          asio::post(pool, use_fiber);
          ++done;
        }));
      for (const auto& t : all) await(t);
      CHECK(done == 100);
    }
    SUBCASE("a cancellation") {
      asio::steady_timer timer(asio::make_strand(pool), 1h);
      const auto waits = async([&] { return error_of([&] { timer.async_wait(use_fiber); }); });
      yield();
      waits.cancel();
      waits.cancel();
      CHECK(await(waits) == "cancelled");
    }
    SUBCASE("a token that is bound to a strand") {
      auto strand = asio::make_strand(pool);
      asio::steady_timer timer(get_executor(), 0s);
      timer.async_wait(asio::bind_executor(strand, use_fiber));
      CHECK(std::this_thread::get_id() == here);
    }
    SUBCASE("a handler that is dropped there") {
      for (int i = 0; i < 100; ++i) {
        const auto dropped = error_of([&] {
          asio::async_initiate<const use_fiber_t&, void(std::error_code)>(
              [&](auto h) { asio::post(pool, asio::bind_executor(pool, [h = std::move(h)] {})); }, use_fiber);
        });
        CHECK(dropped == "aborted");
      }
    }
  });
  pool.join();
}

TEST_CASE_FIXTURE(fixture, "what a handler of Asio's throws goes to the loop's exception handler, and the others run") {
  run([&] {
    std::string reported;
    get_running_loop().set_exception_handler(
        [&](event_loop&, const exception_context& c) { reported += c.message + ": " + describe(c.exception); });
    bool other = false;
    asio::post(get_executor(), [] { throw std::runtime_error("oops"); });
    asio::post(get_executor(), [&] { other = true; });
    while (!other) yield();
    CHECK(reported == "Exception in an I/O handler: std::runtime_error: oops");
  });
  CHECK(caught([&] {
          run([] {
            asio::post(get_executor(), [] { throw system_exit(3); });
            sleep(1h);
          });
        }) == "system_exit(3)");
}

// Asio finds that by static data of its own, which a shared library and the program must have in common.
TEST_CASE_FIXTURE(fixture, "a handler knows that it runs in the loop's thread, so that dispatch calls at once") {
  run([&] {
    asio::post(get_executor(), [&] {
      asio::dispatch(get_executor(), [&] { say("dispatched"); });
      asio::post(get_executor(), [&] { say("posted"); });
      say("returned");
    });
    give_up_passes(3);
    CHECK(say.take() == "dispatched returned posted");
  });
}

TEST_CASE_FIXTURE(fixture, "virtual time does not jump over input and output that end at once, nor wait for those that do not") {
  run([&] {
    socket_pair sockets;
    const auto echo = async([&] {
      for (;;) {
        const std::string text = read_text(sockets.other, 4);
        asio::async_write(sockets.other, asio::buffer(text), use_fiber);
      }
    });
    const time_point before = get_running_loop().time();
    timeout(1s, [&] {
      for (int i = 0; i < 100; ++i) {
        asio::async_write(sockets.one, asio::buffer("ping", 4), use_fiber);
        CHECK(read_text(sockets.one, 4) == "ping");
      }
    });
    CHECK(get_running_loop().time() == before);
    sleep(1h);
    CHECK(get_running_loop().time() == before + 1h);
    echo.cancel();
    CHECK(caught([&] { await(echo); }) == "cancelled_error");
  });
}

TEST_CASE_FIXTURE(fixture, "use_fiber: timers, signals, pipes, datagrams, channels") {
  runner r({.loop = {.clock = nullptr}});
  r.run([&] {
    asio::signal_set signals(get_executor(), SIGUSR1);
    const auto waits = async([&] { return signals.async_wait(use_fiber); });
    yield();
    ::raise(SIGUSR1);
    CHECK(await(waits) == SIGUSR1);

    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    asio::posix::stream_descriptor out(get_executor(), ends[1]);
    asio::posix::stream_descriptor in(get_executor(), ends[0]);
    asio::async_write(out, asio::buffer("line\nrest", 9), use_fiber);
    std::string text;
    CHECK(asio::async_read_until(in, asio::dynamic_buffer(text), '\n', use_fiber) == 5);

    asio::ip::udp::socket one(get_executor(), {asio::ip::address_v4::loopback(), 0});
    asio::ip::udp::socket other(get_executor(), {asio::ip::address_v4::loopback(), 0});
    one.async_send_to(asio::buffer("datagram", 8), other.local_endpoint(), use_fiber);
    asio::ip::udp::endpoint from;
    std::array<char, 100> bytes{};
    CHECK(other.async_receive_from(asio::buffer(bytes), from, use_fiber) == 8);
    CHECK(from == one.local_endpoint());

    asio::experimental::channel<void(boost::system::error_code, std::string)> channel(get_executor(), 0);
    const auto receives = async([&] { return channel.async_receive(use_fiber); });
    channel.async_send({}, "through", use_fiber);
    CHECK(await(receives) == "through");
  });
}

TEST_CASE_FIXTURE(fixture, "use_fiber: a serial line, of a terminal's other side") {
  run([&] {
    const int other_side = ::posix_openpt(O_RDWR | O_NOCTTY);
    REQUIRE(other_side >= 0);
    REQUIRE(::grantpt(other_side) == 0);
    REQUIRE(::unlockpt(other_side) == 0);
    asio::serial_port line(get_executor(), ::ptsname(other_side));
    line.set_option(asio::serial_port::baud_rate(9600));
    asio::posix::stream_descriptor device(get_executor(), other_side);
    std::string text(4, '\0');
    CHECK(error_of([&] { timeout(1s, [&] { asio::async_read(line, asio::buffer(text), use_fiber); }); }) == "timeout");
    asio::async_write(device, asio::buffer("ping", 4), use_fiber);
    asio::async_read(line, asio::buffer(text), use_fiber);
    CHECK(text == "ping");
    asio::async_write(line, asio::buffer("pong", 4), use_fiber);
    asio::async_read(device, asio::buffer(text), use_fiber);
    CHECK(text == "pong");
  });
}

// --- The twin ---

TEST_CASE_FIXTURE(fixture, "use_coroutine: co_await gives the result, or throws; it begins when it is awaited") {
  struct parts {
    static co<std::string> read(stream_socket& s, std::size_t size) {
      std::string text(size, '\0');
      co_await asio::async_read(s, asio::buffer(text), stackless::use_coroutine);
      co_return text;
    }
    static co<std::string> failing(stream_socket& s) {
      std::array<char, 16> bytes{};
      std::string error = "nothing";
      try {
        co_await s.async_read_some(asio::buffer(bytes), stackless::use_coroutine);
      } catch (const std::system_error& e) {
        error = e.code() == make_error_code(asio::error::eof) ? "eof" : e.what();
      } catch (const cancelled_error&) {
        error = "cancelled";
      }
      co_return error;
    }
    static co<> main(socket_pair& sockets) {
      auto reader = stackless::spawn(read(sockets.one, 5));
      const std::size_t n = co_await asio::async_write(sockets.other, asio::buffer("hello", 5), stackless::use_coroutine);
      CHECK(n == 5);
      const std::string text = co_await reader;
      CHECK(text == "hello");
      auto cancelled = stackless::spawn(failing(sockets.one));
      co_await stackless::yield();
      cancelled.cancel();
      const std::string how = co_await cancelled;
      CHECK(how == "cancelled");
      sockets.other.close();
      const std::string end = co_await failing(sockets.one);
      CHECK(end == "eof");
    }
  };
  run([&] {
    socket_pair sockets;
    await(stackless::spawn(parts::main(sockets)));
  });
  run([&] {
    socket_pair sockets;
    await(parts::main(sockets));  // in a fiber, which blocks
  });
}

// --- Everywhere ---

TEST_CASE_FIXTURE(fixture, "cancelled at each suspension: nothing is left under way") {
  struct world {};
  const auto serve = [](asio::ip::tcp::acceptor& acceptor) {
    asio::ip::tcp::socket s = acceptor.async_accept(use_fiber);
    std::string line;
    const std::size_t n = asio::async_read_until(s, asio::dynamic_buffer(line), '\n', use_fiber);
    asio::async_write(s, asio::buffer(line, n), use_fiber);
  };
  const auto ask = [](const asio::ip::tcp::acceptor& acceptor) {
    asio::ip::tcp::socket s(get_executor());
    s.async_connect(acceptor.local_endpoint(), use_fiber);
    asio::async_write(s, asio::buffer("hello\n", 6), use_fiber);
    std::string line(6, '\0');
    asio::async_read(s, asio::buffer(line), use_fiber);
    CHECK(line == "hello\n");
  };
  const auto both = [](auto here, auto there) {
    return [=](world&) {
      asio::ip::tcp::acceptor acceptor(get_executor(), {asio::ip::address_v4::loopback(), 0});
      task_group::run([&](task_group& group) {
        static_cast<void>(group.async([&] { there(acceptor); }));
        here(acceptor);
      });
    };
  };
  CHECK(testing::cancel_everywhere<world>({}, both(ask, serve), [](world&) {}).runs >= 4);
  CHECK(testing::cancel_everywhere<world>({.twice = true}, both(serve, ask), [](world&) {}).runs >= 4);
}
