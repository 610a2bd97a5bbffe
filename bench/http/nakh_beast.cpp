// SPDX-License-Identifier: BSL-1.0
// This library: a fiber a connection, Boost.Beast by use_fiber.

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <system_error>

#include "../serving/nakh_asio.hpp"
#include "answer.hpp"

namespace beast = boost::beast;

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

int main() { serve_for_ever(&serve); }
