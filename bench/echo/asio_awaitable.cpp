// SPDX-License-Identifier: BSL-1.0
// Boost.Asio's coroutines.
#include <array>
#include <boost/asio/write.hpp>

#include "../serving/asio_awaitable.hpp"

namespace {

asio::awaitable<void, executor> echo(socket_type s) {
  s.set_option(asio::ip::tcp::no_delay(true));
  std::array<char, 4096> bytes;
  for (;;) {
    const std::size_t n = co_await s.async_read_some(asio::buffer(bytes), token());
    co_await asio::async_write(s, asio::buffer(bytes, n), token());
  }
}

}  // namespace

int main() { serve_for_ever(&echo); }
