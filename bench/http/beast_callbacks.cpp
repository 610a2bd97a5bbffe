// SPDX-License-Identifier: BSL-1.0
// Boost.Beast as its own examples write it: a session that keeps itself alive; without their timeouts, as all the others here.
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <cstdio>
#include <memory>
#include <utility>

#include "answer.hpp"

namespace asio = boost::asio;
namespace beast = boost::beast;
using acceptor = asio::basic_socket_acceptor<asio::ip::tcp, asio::io_context::executor_type>;
using socket_type = asio::basic_stream_socket<asio::ip::tcp, asio::io_context::executor_type>;

namespace {

struct session : std::enable_shared_from_this<session> {
  explicit session(socket_type s) : socket(std::move(s)) { socket.set_option(asio::ip::tcp::no_delay(true)); }
  void read() {
    asked = {};
    beast::http::async_read(socket, buffer, asked, [self = shared_from_this()](const beast::error_code& error, std::size_t) {
      if (!error) self->write();
    });
  }
  void write() {
    reply = answer(asked);
    beast::http::async_write(socket, reply, [self = shared_from_this()](const beast::error_code& error, std::size_t) {
      if (!error && self->reply.keep_alive()) self->read();
    });
  }
  socket_type socket;
  beast::flat_buffer buffer;
  request asked;
  response reply;
};

void accept(acceptor& a) {
  a.async_accept(a.get_executor(), [&a](const beast::error_code& error, socket_type s) {
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
