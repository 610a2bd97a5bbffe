// SPDX-License-Identifier: BSL-1.0
// Boost.Asio as its own examples write it: a session that keeps itself alive.
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <cstdio>
#include <memory>
#include <utility>

namespace asio = boost::asio;
using acceptor = asio::basic_socket_acceptor<asio::ip::tcp, asio::io_context::executor_type>;
using socket_type = asio::basic_stream_socket<asio::ip::tcp, asio::io_context::executor_type>;

namespace {

struct session : std::enable_shared_from_this<session> {
  explicit session(socket_type s) : socket(std::move(s)) { socket.set_option(asio::ip::tcp::no_delay(true)); }
  void read() {
    socket.async_read_some(asio::buffer(bytes), [self = shared_from_this()](const boost::system::error_code& error, std::size_t n) {
      if (!error) self->write(n);
    });
  }
  void write(std::size_t n) {
    asio::async_write(socket, asio::buffer(bytes, n), [self = shared_from_this()](const boost::system::error_code& error, std::size_t) {
      if (!error) self->read();
    });
  }
  socket_type socket;
  std::array<char, 4096> bytes{};
};

void accept(acceptor& a) {
  a.async_accept(a.get_executor(), [&a](const boost::system::error_code& error, socket_type s) {
    if (!error) std::make_shared<session>(std::move(s))->read();
    accept(a);
  });
}

}  // namespace

int main() {
  asio::io_context io(1);
  acceptor a(io.get_executor(), {asio::ip::address_v4::loopback(), 0});
  std::printf("%d\n", a.local_endpoint().port());
  std::fflush(stdout);
  accept(a);
  io.run();
}
