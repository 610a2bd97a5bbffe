// SPDX-License-Identifier: BSL-1.0
// Boost.Asio's coroutines.
#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cstdio>
#include <utility>

namespace asio = boost::asio;
using executor = asio::io_context::executor_type;
using token = asio::use_awaitable_t<executor>;
using acceptor = asio::basic_socket_acceptor<asio::ip::tcp, executor>;
using socket_type = asio::basic_stream_socket<asio::ip::tcp, executor>;

namespace {

asio::awaitable<void, executor> echo(socket_type s) {
  s.set_option(asio::ip::tcp::no_delay(true));
  std::array<char, 4096> bytes;
  for (;;) {
    const std::size_t n = co_await s.async_read_some(asio::buffer(bytes), token());
    co_await asio::async_write(s, asio::buffer(bytes, n), token());
  }
}

asio::awaitable<void, executor> serve(acceptor& a) {
  for (;;) {
    socket_type s = co_await a.async_accept(a.get_executor(), token());
    asio::co_spawn(a.get_executor(), echo(std::move(s)), asio::detached);
  }
}

}  // namespace

int main() {
  asio::io_context io(1);
  acceptor a(io.get_executor(), {asio::ip::address_v4::loopback(), 0});
  std::printf("%d\n", a.local_endpoint().port());
  std::fflush(stdout);
  asio::co_spawn(io.get_executor(), serve(a), asio::detached);
  io.run();
}
