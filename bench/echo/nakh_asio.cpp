// SPDX-License-Identifier: BSL-1.0
// This library: a fiber a connection, Boost.Asio's sockets by use_fiber.
#include <array>
#include <boost/asio/write.hpp>
#include <system_error>

#include "../serving/nakh_asio.hpp"

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

int main() { serve_for_ever(&echo); }
