// SPDX-License-Identifier: BSL-1.0
// Boost.Beast with Boost.Asio's coroutines.
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <cstdio>
#include <utility>

#include "answer.hpp"

namespace asio = boost::asio;
namespace beast = boost::beast;
using executor = asio::io_context::executor_type;
using token = asio::use_awaitable_t<executor>;
using acceptor = asio::basic_socket_acceptor<asio::ip::tcp, executor>;
using socket_type = asio::basic_stream_socket<asio::ip::tcp, executor>;

namespace {

asio::awaitable<void, executor> serve(socket_type s) {
  s.set_option(asio::ip::tcp::no_delay(true));
  beast::flat_buffer buffer;
  for (bool more = true; more;) {
    request asked;
    co_await beast::http::async_read(s, buffer, asked, token());
    const response r = answer(asked);
    co_await beast::http::async_write(s, r, token());
    more = r.keep_alive();
  }
}

asio::awaitable<void, executor> accept(acceptor& a) {
  for (;;) {
    socket_type s = co_await a.async_accept(a.get_executor(), token());
    asio::co_spawn(a.get_executor(), serve(std::move(s)), asio::detached);
  }
}

}  // namespace

int main() {
  asio::io_context io(1);
  acceptor a(io.get_executor(), {asio::ip::address_v4::loopback(), 0});
  std::printf("%d\n", a.local_endpoint().port());
  std::fflush(stdout);
  asio::co_spawn(io.get_executor(), accept(a), asio::detached);
  io.run();
}
