// SPDX-License-Identifier: BSL-1.0
// An HTTP server, by Boost.Beast, and a client that asks it three things over one connection.
#include <nakh/asio.hpp>
#include <nakh/stackless.hpp>

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <iostream>
#include <string>
#include <utility>

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace sl = nakh::stackless;
using nakh::stackless::use_coroutine;
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
sl::task<> serve(tcp::acceptor& listener) {
  tcp::socket connection = co_await listener.async_accept(use_coroutine);
  beast::flat_buffer buffer;
  for (bool more = true; more;) {
    request asked;
    co_await http::async_read(connection, buffer, asked, use_coroutine);
    const response r = answer(asked);
    co_await http::async_write(connection, r, use_coroutine);
    more = r.keep_alive();
  }
}

sl::task<> ask(tcp::socket& connection, std::string what, bool more) {
  request asked(http::verb::get, what, 11);
  asked.keep_alive(more);
  co_await http::async_write(connection, asked, use_coroutine);
  beast::flat_buffer buffer;
  response r;
  co_await http::async_read(connection, buffer, r, use_coroutine);
  std::cout << what << ": " << r.result_int() << ' ' << r.body();
}

sl::task<> start() {
  tcp::acceptor listener(nakh::get_executor(), {asio::ip::address_v4::loopback(), 0});
  const auto server = sl::spawn(serve(listener));
  tcp::socket connection(nakh::get_executor());
  co_await connection.async_connect(listener.local_endpoint(), use_coroutine);
  co_await ask(connection, "/", true);
  co_await ask(connection, "/tea", true);
  co_await ask(connection, "/", false);
  co_await server;
}

int main() { nakh::run(start()); }
// [main]
