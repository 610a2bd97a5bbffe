// SPDX-License-Identifier: BSL-1.0
// This library: a fiber a connection, streams; Boost.Beast only reads and writes the text of messages.
#include <nakh/net.hpp>
#include <nakh/run.hpp>

#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/serializer.hpp>
#include <boost/beast/http/string_body.hpp>
#include <optional>
#include <span>
#include <string>
#include <system_error>

#include "../serving/port.hpp"
#include "answer.hpp"

namespace beast = boost::beast;
namespace http = beast::http;

namespace {

void throw_if(const beast::error_code& error) {
  if (error) throw std::system_error(static_cast<std::error_code>(error));
}

/// Nothing: the client has gone.
std::optional<request> read(nakh::net::stream& s, beast::flat_buffer& buffer) {
  http::request_parser<http::string_body> parser;
  parser.eager(true);
  for (;;) {
    if (buffer.size() > 0) {
      beast::error_code error;
      buffer.consume(parser.put(buffer.data(), error));
      if (error != http::error::need_more) throw_if(error);
      if (parser.is_done()) return parser.release();
    }
    const auto room = buffer.prepare(4096);
    const std::size_t n = s.read({static_cast<char*>(room.data()), room.size()});
    if (n == 0) return std::nullopt;
    buffer.commit(n);
  }
}

void write(nakh::net::stream& s, const response& r) {
  http::serializer<false, http::string_body> serializer(r);
  while (!serializer.is_done()) {
    beast::error_code error;
    serializer.next(error, [&](beast::error_code&, const auto& buffers) {
      const std::string text = beast::buffers_to_string(buffers);
      s.write(text);
      serializer.consume(text.size());
    });
    throw_if(error);
  }
  s.drain();
}

}  // namespace

int main() {
  nakh::run([] {
    nakh::net::server server = nakh::net::start_server(
        [](nakh::net::stream& s) {
          beast::flat_buffer buffer;
          while (const auto asked = read(s, buffer)) {
            const response r = answer(*asked);
            write(s, r);
            if (!r.keep_alive()) break;
          }
        },
        "127.0.0.1", 0, {.backlog = 1000});
    say_port(server.endpoints().front().port());
    server.serve_forever();
  });
}
