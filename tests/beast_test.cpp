// SPDX-License-Identifier: BSL-1.0
#include <nakh/asio.hpp>

#include "support/fixture.hpp"

#include <nakh/gather.hpp>
#include <nakh/task.hpp>
#include <nakh/timeout.hpp>

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>
#include <string>
#include <utility>
#include <vector>

using namespace nakh;
using namespace nakh::test;
using namespace std::chrono_literals;
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
namespace websocket = boost::beast::websocket;
using asio::ip::tcp;

namespace {

using web_socket = websocket::stream<beast::tcp_stream>;

/// A place to connect to, and both ends of a connection.
struct place {
  [[nodiscard]] beast::tcp_stream connect() const {
    beast::tcp_stream s(get_executor());
    s.async_connect(acceptor.local_endpoint(), use_fiber);
    return s;
  }
  [[nodiscard]] beast::tcp_stream accept() { return beast::tcp_stream(acceptor.async_accept(use_fiber)); }

  tcp::acceptor acceptor{get_executor(), {asio::ip::address_v4::loopback(), 0}};
};

using response = http::response<http::string_body>;

// Answers each request with its target, in chunks if that says so, until the client has gone; says how many there were.
int serve_http(beast::tcp_stream stream) {
  beast::flat_buffer buffer;
  for (int count = 0;; ++count) {
    http::request<http::string_body> request;
    boost::system::error_code error;
    http::async_read(stream, buffer, request, use_fiber[error]);
    if (error == http::error::end_of_stream) return count;
    CHECK_FALSE(error);
    response answer(http::status::ok, request.version());
    answer.keep_alive(request.keep_alive());
    answer.body() = "you asked for " + std::string(request.target()) + request.body();
    if (request.target() == "/chunks") {
      answer.chunked(true);
    } else {
      answer.prepare_payload();
    }
    http::async_write(stream, answer, use_fiber);
  }
}

response ask(beast::tcp_stream& stream, beast::flat_buffer& buffer, http::verb verb, const std::string& target,
             const std::string& body = "") {
  http::request<http::string_body> request(verb, target, 11, body);
  request.set(http::field::host, "127.0.0.1");
  request.prepare_payload();
  http::async_write(stream, request, use_fiber);
  response answer;
  http::async_read(stream, buffer, answer, use_fiber);
  return answer;
}

// Sends back each message, until the other side closes.
void serve_web_socket(beast::tcp_stream stream) {
  web_socket ws(std::move(stream));
  ws.async_accept(use_fiber);
  for (;;) {
    beast::flat_buffer buffer;
    boost::system::error_code error;
    ws.async_read(buffer, use_fiber[error]);
    if (error) return;
    ws.text(ws.got_text());
    ws.async_write(buffer.data(), use_fiber);
  }
}

std::string read_message(web_socket& ws) {
  beast::flat_buffer buffer;
  ws.async_read(buffer, use_fiber);
  return beast::buffers_to_string(buffer.data());
}

}  // namespace

TEST_CASE_FIXTURE(fixture, "Beast: HTTP requests on one connection, with a body in chunks among them") {
  run([&] {
    place here;
    const auto server = async([&] { return serve_http(here.accept()); });
    beast::tcp_stream stream = here.connect();
    beast::flat_buffer buffer;
    const response one = ask(stream, buffer, http::verb::get, "/one");
    CHECK(one.result() == http::status::ok);
    CHECK(one.body() == "you asked for /one");
    CHECK_FALSE(one.chunked());
    CHECK(one.keep_alive());
    const response two = ask(stream, buffer, http::verb::get, "/chunks");
    CHECK(two.chunked());
    CHECK(two.body() == "you asked for /chunks");
    const std::string much(300'000, 'x');
    CHECK(ask(stream, buffer, http::verb::post, "/", much).body() == "you asked for /" + much);
    stream.close();
    CHECK(await(server) == 3);
  });
}

TEST_CASE_FIXTURE(fixture, "Beast: several clients at once") {
  run([&] {
    place here;
    const auto server = async([&] {
      std::vector<task<int>> all;
      for (int i = 0; i < 3; ++i) all.push_back(async([&, s = here.accept()]() mutable { return serve_http(std::move(s)); }));
      int sum = 0;
      for (const auto& t : all) sum += await(t);
      return sum;
    });
    const auto client = [&](const std::string& name) {
      beast::tcp_stream stream = here.connect();
      beast::flat_buffer buffer;
      for (int i = 0; i < 5; ++i) CHECK(ask(stream, buffer, http::verb::get, "/" + name).body() == "you asked for /" + name);
    };
    gather([&] { client("a"); }, [&] { client("b"); }, [&] { client("c"); });
    CHECK(await(server) == 15);
  });
}

TEST_CASE_FIXTURE(fixture, "Beast: a time limit, and a cancellation, end a read of HTTP") {
  run([&] {
    place here;
    beast::tcp_stream stream = here.connect();
    const beast::tcp_stream silent = here.accept();
    beast::flat_buffer buffer;
    response never;
    CHECK(caught([&] { timeout(1s, [&] { http::async_read(stream, buffer, never, use_fiber); }); }) == "timeout_error");
    CHECK(now() == 1000);
    const auto reader = async([&] { http::async_read(stream, buffer, never, use_fiber); });
    yield();
    reader.cancel();
    CHECK(caught([&] { await(reader); }) == "cancelled_error");
  });
}

TEST_CASE_FIXTURE(fixture, "Beast: a WebSocket's messages, ping and close") {
  run([&] {
    place here;
    const auto server = async([&] { serve_web_socket(here.accept()); });
    web_socket ws(here.connect());
    ws.async_handshake("127.0.0.1", "/", use_fiber);
    ws.control_callback([&](websocket::frame_type kind, beast::string_view text) {
      if (kind == websocket::frame_type::pong) say("pong-" + std::string(text));
    });
    ws.async_write(asio::buffer(std::string("salam")), use_fiber);
    CHECK(read_message(ws) == "salam");
    CHECK(ws.got_text());
    ws.async_ping("there", use_fiber);
    const std::string much(200'000, 'x');
    ws.binary(true);
    const auto writer = async([&] { ws.async_write(asio::buffer(much), use_fiber); });
    CHECK(read_message(ws) == much);  // both directions at the same time
    await(writer);
    CHECK(ws.got_binary());
    CHECK(say.take() == "pong-there");
    ws.async_close(websocket::close_code::normal, use_fiber);
    CHECK_FALSE(ws.is_open());
    await(server);
  });
}

TEST_CASE_FIXTURE(fixture, "Beast: a time limit, and a cancellation, end a read of a WebSocket") {
  run([&] {
    place here;
    const auto server = async([&] { serve_web_socket(here.accept()); });
    web_socket ws(here.connect());
    ws.async_handshake("127.0.0.1", "/", use_fiber);
    SUBCASE("time limit") {
      CHECK(caught([&] { timeout(1s, [&] { read_message(ws); }); }) == "timeout_error");
    }
    SUBCASE("cancellation") {
      const auto reader = async([&] { read_message(ws); });
      yield();
      reader.cancel();
      CHECK(caught([&] { await(reader); }) == "cancelled_error");
    }
    beast::get_lowest_layer(ws).close();
    await(server);
  });
}
