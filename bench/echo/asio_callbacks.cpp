// SPDX-License-Identifier: BSL-1.0
// Boost.Asio as its own examples write it: a session that keeps itself alive.
#include <array>
#include <boost/asio/write.hpp>
#include <memory>
#include <utility>

#include "../serving/asio_callbacks.hpp"

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

}  // namespace

int main() { serve_for_ever<session>(); }
