// SPDX-License-Identifier: BSL-1.0
// Boost.Beast as its own examples write it: a session that keeps itself alive; without their timeouts, as all the others here.
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <memory>
#include <utility>

#include "../serving/asio_callbacks.hpp"
#include "answer.hpp"

namespace beast = boost::beast;

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

}  // namespace

int main() { serve_for_ever<session>(); }
