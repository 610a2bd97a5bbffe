// SPDX-License-Identifier: BSL-1.0
#include <nakh/asio.hpp>

#include "../examples/downloads/common/identity.hpp"
#include "support/coroutines.hpp"
#include "support/fixture.hpp"

#include <nakh/stackless.hpp>
#include <nakh/task.hpp>
#include <nakh/timeout.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <memory>
#include <string>

using namespace nakh;
using namespace nakh::test;
using downloads::identity;
using namespace std::chrono_literals;
namespace asio = boost::asio;
namespace ssl = boost::asio::ssl;
using asio::ip::tcp;

namespace {

using secure_stream = ssl::stream<tcp::socket>;

const identity& own_identity() {
  static const identity own;
  return own;
}

ssl::context for_server() {
  ssl::context c(ssl::context::tls_server);
  c.use_certificate_chain(asio::buffer(own_identity().certificate));
  c.use_private_key(asio::buffer(own_identity().key), ssl::context::pem);
  return c;
}

ssl::context for_client(const std::string& expected_host) {
  ssl::context c(ssl::context::tls_client);
  c.add_certificate_authority(asio::buffer(own_identity().certificate));
  c.set_verify_mode(ssl::verify_peer);
  c.set_verify_callback(ssl::host_name_verification(expected_host));
  return c;
}

/// Both ends of a connection, before they shake hands.
struct ends {
  explicit ends(const std::string& expected_host = "localhost") : connecting(for_client(expected_host)) {
    tcp::acceptor acceptor(get_executor(), {asio::ip::address_v4::loopback(), 0});
    client.next_layer().async_connect(acceptor.local_endpoint(), use_fiber);
    server.next_layer() = acceptor.async_accept(use_fiber);
  }

  ssl::context accepting = for_server();
  ssl::context connecting;
  secure_stream server{get_executor(), accepting};
  secure_stream client{get_executor(), connecting};
};

// Sends back lines of five characters until the client says goodbye.
void serve(secure_stream& s) {
  s.async_handshake(ssl::stream_base::server, use_fiber);
  for (;;) {
    std::string text(5, '\0');
    boost::system::error_code error;
    asio::async_read(s, asio::buffer(text), use_fiber[error]);
    if (error) {
      CHECK(error == asio::error::eof);
      break;
    }
    asio::async_write(s, asio::buffer(text), use_fiber);
  }
  boost::system::error_code error;
  s.async_shutdown(use_fiber[error]);
}

std::string read_five(secure_stream& s) {
  std::string text(5, '\0');
  asio::async_read(s, asio::buffer(text), use_fiber);
  return text;
}

}  // namespace

TEST_CASE_FIXTURE(fixture, "SSL: both ends, in fibers of the default size") {
  run([&] {
    ends both;
    const auto server = async([&] { serve(both.server); });
    both.client.async_handshake(ssl::stream_base::client, use_fiber);
    for (const std::string text : {"hello", "salam"}) {
      asio::async_write(both.client, asio::buffer(text), use_fiber);
      CHECK(read_five(both.client) == text);
    }
    both.client.async_shutdown(use_fiber);
    await(server);
  });
}

TEST_CASE_FIXTURE(fixture, "SSL: a read that is cancelled loses nothing") {
  run([&] {
    ends both;
    const auto server = async([&] { serve(both.server); });
    both.client.async_handshake(ssl::stream_base::client, use_fiber);
    CHECK(caught([&] { timeout(1s, [&] { read_five(both.client); }); }) == "timeout_error");
    const auto reader = async([&] { read_five(both.client); });
    yield();
    reader.cancel();
    CHECK(caught([&] { await(reader); }) == "cancelled_error");
    asio::async_write(both.client, asio::buffer("again", 5), use_fiber);
    CHECK(read_five(both.client) == "again");
    both.client.async_shutdown(use_fiber);
    await(server);
  });
}

TEST_CASE_FIXTURE(fixture, "SSL: a time limit on a handshake that nobody answers") {
  run([&] {
    ends both;
    const auto shakes = [&] { both.client.async_handshake(ssl::stream_base::client, use_fiber); };
    CHECK(caught([&] { timeout(1s, shakes); }) == "timeout_error");
    CHECK(now() == 1000);
  });
}

TEST_CASE_FIXTURE(fixture, "SSL: a certificate for another host name is an error of its own") {
  run([&] {
    ends both("example.org");
    const auto server = async([&] { return caught([&] { serve(both.server); }); });
    try {
      both.client.async_handshake(ssl::stream_base::client, use_fiber);
      FAIL_CHECK("the handshake succeeded");
    } catch (const std::system_error& e) {
      CHECK(e.code().category() == static_cast<const std::error_category&>(asio::error::get_ssl_category()));
      CHECK(std::string(e.what()).find("certificate verify failed") != std::string::npos);
    }
    both.client.next_layer().close();
    CHECK(await(server) != "nothing");
  });
}

TEST_CASE_FIXTURE(fixture, "SSL: the twin") {
  struct parts {
    static co<> serve(secure_stream& s) {
      co_await s.async_handshake(ssl::stream_base::server, stackless::use_coroutine);
      std::string text(5, '\0');
      co_await asio::async_read(s, asio::buffer(text), stackless::use_coroutine);
      co_await asio::async_write(s, asio::buffer(text), stackless::use_coroutine);
    }
    static co<std::string> ask(secure_stream& s) {
      co_await s.async_handshake(ssl::stream_base::client, stackless::use_coroutine);
      std::string text = "hello";
      co_await asio::async_write(s, asio::buffer(text), stackless::use_coroutine);
      text.assign(5, '\0');
      co_await asio::async_read(s, asio::buffer(text), stackless::use_coroutine);
      co_return text;
    }
    static co<> read(secure_stream& s) {
      std::string text(5, '\0');
      co_await asio::async_read(s, asio::buffer(text), stackless::use_coroutine);
    }
  };
  run([&] {
    ends both;
    auto server = stackless::spawn(parts::serve(both.server));
    CHECK(await(stackless::spawn(parts::ask(both.client))) == "hello");
    await(server);
    auto reader = stackless::spawn(parts::read(both.client));
    yield();
    reader.cancel();
    CHECK(caught([&] { await(reader); }) == "cancelled_error");
  });
}
