// SPDX-License-Identifier: BSL-1.0
// An HTTP server, by Boost.Beast, and a client that asks it three things over one connection.
#include <nakh/asio.hpp>
#include <nakh/nakh.hpp>

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <iostream>
#include <string>
#include <utility>

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using nakh::use_fiber;
using tcp = asio::ip::tcp;

using request = http::request<http::string_body>;
using response = http::response<http::string_body>;

response answer(const request& asked) {
  response r(asked.target() == "/" ? http::status::ok : http::status::not_found,
             asked.version());
  r.body() = r.result() == http::status::ok
                 ? "Hello!\n"
                 : "There is no " + std::string(asked.target()) + " here.\n";
  r.keep_alive(asked.keep_alive());
  r.prepare_payload();
  return r;
}

// [main]
void serve(tcp::socket connection) {
  beast::flat_buffer buffer;
  for (bool more = true; more;) {
    request asked;
    http::async_read(connection, buffer, asked, use_fiber);
    const response r = answer(asked);
    http::async_write(connection, r, use_fiber);
    more = r.keep_alive();
  }
}

void ask(tcp::socket& connection, const std::string& what, bool more) {
  request asked(http::verb::get, what, 11);
  asked.keep_alive(more);
  http::async_write(connection, asked, use_fiber);
  beast::flat_buffer buffer;
  response r;
  http::async_read(connection, buffer, r, use_fiber);
  std::cout << what << ": " << r.result_int() << ' ' << r.body();
}

int main() {
  nakh::run([] {
    tcp::acceptor listener(nakh::get_executor(), {asio::ip::address_v4::loopback(), 0});
    const auto server = nakh::async([&] { serve(listener.async_accept(use_fiber)); });
    tcp::socket connection(nakh::get_executor());
    connection.async_connect(listener.local_endpoint(), use_fiber);
    ask(connection, "/", true);
    ask(connection, "/tea", true);
    ask(connection, "/", false);
    nakh::await(server);
  });
}
// [main]
