// SPDX-License-Identifier: BSL-1.0
#include <nakh/asio.hpp>
#include <nakh/boost_fiber.hpp>

#include "support/fixture.hpp"

#include <nakh/timeout.hpp>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <boost/fiber/all.hpp>
#include <string>
#include <system_error>
#include <vector>

using namespace nakh;
using namespace nakh::test;
using namespace std::chrono_literals;
namespace asio = boost::asio;
namespace fibers = boost::fibers;
using asio::ip::tcp;

namespace {

struct socket_pair {
  socket_pair() { asio::local::connect_pair(one, other); }
  asio::local::stream_protocol::socket one{get_executor()};
  asio::local::stream_protocol::socket other{get_executor()};
};

template <class Socket>
std::string read_four(Socket& s) {
  std::string text(4, '\0');
  asio::async_read(s, asio::buffer(text), use_fiber);
  return text;
}

}  // namespace

TEST_CASE_FIXTURE(fixture, "use_fiber in boost fibers: a server and its clients") {
  run([&] {
    const boost_fiber::scope here;
    constexpr int clients = 5;
    tcp::acceptor acceptor(get_executor(), {asio::ip::address_v4::loopback(), 0});
    fibers::fiber server([&] {
      std::vector<fibers::fiber> all;
      for (int i = 0; i < clients; ++i) {
        all.emplace_back([s = acceptor.async_accept(use_fiber)]() mutable {
          for (int round = 0; round < 3; ++round) asio::async_write(s, asio::buffer(read_four(s)), use_fiber);
        });
      }
      for (auto& f : all) f.join();
    });
    std::vector<fibers::fiber> all;
    for (int i = 0; i < clients; ++i) {
      all.emplace_back([&, text = "abc" + std::to_string(i)] {
        tcp::socket s(get_executor());
        s.async_connect(acceptor.local_endpoint(), use_fiber);
        for (int round = 0; round < 3; ++round) {
          asio::async_write(s, asio::buffer(text), use_fiber);
          boost::this_fiber::yield();
          CHECK(read_four(s) == text);
        }
      });
    }
    for (auto& f : all) boost_fiber::join(f);
    boost_fiber::join(server);
  });
}

TEST_CASE_FIXTURE(fixture, "use_fiber in a boost fiber: a time limit, an error, a cancellation") {
  run([&] {
    const boost_fiber::scope here;
    socket_pair sockets;
    fibers::fiber limited([&] {
      say(caught([&] { timeout(5ms, [&] { read_four(sockets.one); }); }));
      say("at", now());
      asio::async_write(sockets.other, asio::buffer("next", 4), use_fiber);
      say(read_four(sockets.one));
    });
    boost_fiber::join(limited);
    CHECK(say.take() == "timeout_error at5 next");

    auto reader = boost_fiber::async([&] { return read_four(sockets.one); });
    yield();
    reader.cancel("enough");
    CHECK(caught([&] { reader.await(); }) == "cancelled_error(enough)");

    sockets.other.close();
    fibers::fiber last([&] {
      try {
        read_four(sockets.one);
      } catch (const std::system_error& e) {
        if (e.code() == make_error_code(asio::error::eof)) say("eof");
      }
    });
    boost_fiber::join(last);
    CHECK(say.take() == "eof");
  });
}
