// SPDX-License-Identifier: BSL-1.0
// This library: a fiber a connection, Boost.Asio's sockets by use_fiber.
#include <nakh/asio.hpp>
#include <nakh/run.hpp>
#include <nakh/task.hpp>

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <cstdio>
#include <system_error>
#include <utility>
#include <vector>

namespace asio = boost::asio;
using acceptor = asio::basic_socket_acceptor<asio::ip::tcp, nakh::executor>;
using socket_type = asio::basic_stream_socket<asio::ip::tcp, nakh::executor>;

namespace {

void echo(socket_type s) {
  s.set_option(asio::ip::tcp::no_delay(true));
  std::array<char, 4096> bytes;
  try {
    for (;;) {
      const std::size_t n = s.async_read_some(asio::buffer(bytes), nakh::use_fiber);
      asio::async_write(s, asio::buffer(bytes, n), nakh::use_fiber);
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
      all.push_back(nakh::async([s = a.async_accept(nakh::get_executor(), nakh::use_fiber)]() mutable { echo(std::move(s)); }));
    }
  });
}
