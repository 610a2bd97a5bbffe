// SPDX-License-Identifier: BSL-1.0
// Boost.Beast with Boost.Asio's coroutines.
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>

#include "../serving/asio_awaitable.hpp"
#include "answer.hpp"

namespace beast = boost::beast;

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

}  // namespace

int main() { serve_for_ever(&serve); }
