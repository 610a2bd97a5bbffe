// SPDX-License-Identifier: BSL-1.0
// This library: a coroutine a connection, Boost.Beast by use_coroutine.
#include <nakh/asio.hpp>
#include <nakh/run.hpp>
#include <nakh/stackless.hpp>

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <system_error>
#include <utility>
#include <vector>

#include "../serving/port.hpp"
#include "answer.hpp"

namespace asio = boost::asio;
namespace beast = boost::beast;
using acceptor = asio::basic_socket_acceptor<asio::ip::tcp, nakh::executor>;
using socket_type = asio::basic_stream_socket<asio::ip::tcp, nakh::executor>;
using nakh::stackless::use_coroutine;

namespace {

nakh::stackless::task<> serve(socket_type s) {
  s.set_option(asio::ip::tcp::no_delay(true));
  beast::flat_buffer buffer;
  try {
    for (bool more = true; more;) {
      request asked;
      co_await beast::http::async_read(s, buffer, asked, use_coroutine);
      const response r = answer(asked);
      co_await beast::http::async_write(s, r, use_coroutine);
      more = r.keep_alive();
    }
  } catch (const std::system_error&) {
    // The client has gone.
  }
}

nakh::stackless::task<> accept() {
  acceptor a(nakh::get_executor(), {asio::ip::address_v4::loopback(), 0});
  say_port(a.local_endpoint().port());
  std::vector<nakh::task<>> all;
  for (;;) {
    all.push_back(nakh::stackless::spawn(serve(co_await a.async_accept(nakh::get_executor(), use_coroutine))));
  }
}

}  // namespace

int main() { nakh::run(accept()); }
