// SPDX-License-Identifier: BSL-1.0
// This library: a fiber a connection, Boost.Beast by use_fiber.
#include <nakh/asio.hpp>
#include <nakh/run.hpp>
#include <nakh/task.hpp>

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <cstdio>
#include <system_error>
#include <utility>
#include <vector>

#include "answer.hpp"

namespace asio = boost::asio;
namespace beast = boost::beast;
using acceptor = asio::basic_socket_acceptor<asio::ip::tcp, nakh::executor>;
using socket_type = asio::basic_stream_socket<asio::ip::tcp, nakh::executor>;

namespace {

void serve(socket_type s) {
  s.set_option(asio::ip::tcp::no_delay(true));
  beast::flat_buffer buffer;
  try {
    for (bool more = true; more;) {
      request asked;
      beast::http::async_read(s, buffer, asked, nakh::use_fiber);
      const response r = answer(asked);
      beast::http::async_write(s, r, nakh::use_fiber);
      more = r.keep_alive();
    }
  } catch (const std::system_error&) {
    // The client has gone.
  }
}

}  // namespace

int main() {
  nakh::run([] {
    acceptor a(nakh::get_executor(), {asio::ip::address_v4::loopback(), 0});
    std::printf("%d\n", a.local_endpoint().port());
    std::fflush(stdout);
    std::vector<nakh::task<>> all;
    for (;;) {
      all.push_back(nakh::async([s = a.async_accept(nakh::get_executor(), nakh::use_fiber)]() mutable { serve(std::move(s)); }));
    }
  });
}
