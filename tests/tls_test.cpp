// SPDX-License-Identifier: BSL-1.0
#include <nakh/tls.hpp>

#include "../examples/downloads/common/identity.hpp"
#include "support/failing_calls.hpp"
#include "support/fixture.hpp"

#include <nakh/gather.hpp>
#include <nakh/net.hpp>
#include <nakh/task.hpp>
#include <nakh/testing.hpp>
#include <nakh/timeout.hpp>

#include <sys/socket.h>

#include <stdexcept>
#include <string>
#include <system_error>

using namespace nakh;
using namespace nakh::test;
using downloads::identity;
using namespace std::chrono_literals;
using net::stream;

namespace {

const identity& localhost() {
  static const identity own;
  return own;
}

// [contexts]
tls::context serving(const identity& i = localhost()) {
  return tls::context::server(i.certificate, i.key);  // both are PEM text
}
tls::context trusting(const identity& i = localhost()) {
  return tls::context::client().trust(i.certificate);  // besides whom the system trusts
}
// [contexts]

void echo(stream& s) {
  for (std::string line = s.read_line(); !line.empty(); line = s.read_line()) {
    s.write(line);
    s.drain();
  }
}

std::error_code error_of(auto&& f) {
  try {
    f();
    return {};
  } catch (const std::system_error& e) {
    return e.code();
  }
}

/// The report of a handler whose client has gone in the handshake.
void forget_reports(fixture& f) { f.reports.clear(); }

}  // namespace

TEST_CASE_FIXTURE(fixture, "a server and a client: lines, much in both directions, and the end") {
  run([&] {
    // [talk]
    net::server server = tls::start_server(&echo, "127.0.0.1", 0, serving());
    const auto port = server.endpoints().front().port();
    stream plain = net::open_connection("127.0.0.1", port);
    stream s = tls::start_tls(std::move(plain), trusting(), "localhost");
    s.write("hello\n");
    CHECK(s.read_line() == "hello\n");
    // [talk]
    CHECK(s.peer().port() == port);
    CHECK_FALSE(s.can_write_eof());
    s.close();
    s.wait_closed();

    const std::string much(3'000'000, 'm');
    net::server other = tls::start_server(
        [&](stream c) {
          const std::string got = c.read_exactly(much.size());
          c.write(got);
          c.close();
        },
        "127.0.0.1", 0, serving());
    stream big = tls::open_connection("localhost", other.endpoints().front().port(), trusting());
    big.write(much);
    CHECK(big.read_all() == much);
    CHECK(big.at_eof());
  });
}

TEST_CASE_FIXTURE(fixture, "whom a client does not believe: each for its own reason") {
  const identity elsewhere("example.org");
  const identity old("localhost", -3600);
  run([&] {
    const auto talk = [&](const tls::context& s, const tls::context& c) {
      net::server server = tls::start_server(&echo, "127.0.0.1", 0, s);
      return error_of([&] { static_cast<void>(tls::open_connection("localhost", server.endpoints().front().port(), c)); });
    };
    CHECK(talk(serving(), trusting()) == std::error_code());
    CHECK(talk(serving(), tls::context::client()) == tls::errc::untrusted_certificate);
    CHECK(talk(serving(old), trusting(old)) == tls::errc::expired_certificate);
    CHECK(talk(serving(elsewhere), trusting(elsewhere)) == tls::errc::wrong_host);
    CHECK(talk(serving(elsewhere), tls::context::client().trust_anybody()) == std::error_code());
    sleep(1s);
    forget_reports(*this);  // the servers' side of the same
  });
}

TEST_CASE_FIXTURE(fixture, "a connection that is cut off is no end") {
  run([&] {
    net::server server = tls::start_server(
        [](stream& s) {
          s.write("half");
          ::shutdown(s.native_handle(), SHUT_RDWR);
        },
        "127.0.0.1", 0, serving());
    stream s = tls::open_connection("localhost", server.endpoints().front().port(), trusting());
    CHECK(s.read(4) == "half");
    CHECK(error_of([&] { static_cast<void>(s.read_all()); }) == tls::errc::truncated);
    CHECK(error_of([&] { static_cast<void>(s.read_all()); }) == tls::errc::truncated);
  });
}

TEST_CASE_FIXTURE(fixture, "STARTTLS: both ends change over in the middle of a connection; what was slipped in before is refused") {
  run([&] {
    net::server server = net::start_server(
        [](stream plain) {
          CHECK(plain.read_line() == "STARTTLS\n");
          plain.write("go ahead\n");
          stream s = tls::start_tls(std::move(plain), serving());
          echo(s);
        },
        "127.0.0.1", 0);
    stream plain = net::open_connection(server.endpoints().front());
    plain.write("STARTTLS\n");
    CHECK(plain.read_line() == "go ahead\n");
    stream s = tls::start_tls(std::move(plain), trusting(), "localhost");
    CHECK_FALSE(plain);
    s.write("secret\n");
    CHECK(s.read_line() == "secret\n");
    CHECK(server.connections() == 1);
    server.close_clients();
    CHECK(s.read_line().empty());

    net::server injects = net::start_server([](stream& c) { c.write("go ahead\nslipped in"); }, "127.0.0.1", 0);
    stream other = net::open_connection(injects.endpoints().front());
    CHECK(other.read_line() == "go ahead\n");
    CHECK(caught([&] { static_cast<void>(tls::start_tls(std::move(other), trusting(), "localhost")); }) == "usage_error");
  });
}

TEST_CASE_FIXTURE(fixture, "a peer that never says anything, or no TLS") {
  run([&] {
    net::server silent = net::start_server([](stream& c) { static_cast<void>(c.read_all()); }, "127.0.0.1", 0);
    const auto there = silent.endpoints().front();
    CHECK(caught([&] { static_cast<void>(tls::start_tls(net::open_connection(there), trusting(), "localhost")); }) == "timeout_error");
    net::server plain = net::start_server([](stream& c) { c.write("220 welcome to the mail server\r\n"); }, "127.0.0.1", 0);
    const std::error_code e =
        error_of([&] { static_cast<void>(tls::open_connection("127.0.0.1", plain.endpoints().front().port(), trusting())); });
    CHECK(e.category().name() == std::string("asio.ssl"));
    // A server whose client does not speak TLS.
    net::server server = tls::start_server(&echo, "127.0.0.1", 0, serving());
    stream s = net::open_connection(server.endpoints().front());
    s.write("GET / HTTP/1.1\r\n\r\n");
    static_cast<void>(error_of([&] { static_cast<void>(s.read_all()); }));
    sleep(1s);
    CHECK(take_report().message == "Unhandled exception in a connection's handler");
  });
}

TEST_CASE_FIXTURE(fixture, "certificates and keys that are none") {
  CHECK_THROWS_AS(static_cast<void>(tls::context::server("nonsense", localhost().key)), std::system_error);
  CHECK_THROWS_AS(static_cast<void>(tls::context::server(localhost().certificate, "nonsense")), std::system_error);
  CHECK_THROWS_AS(static_cast<void>(tls::context::server(localhost().certificate, identity().key)), std::system_error);
  CHECK_THROWS_AS(tls::context::client().trust("nonsense"), std::system_error);
  run([&] {
    net::server s = net::start_server(&echo, "127.0.0.1", 0);
    CHECK(caught([&] { static_cast<void>(tls::start_tls(net::open_connection(s.endpoints().front()), trusting())); }) ==
          "invalid_argument");
  });
}

TEST_CASE_FIXTURE(fixture, "cancelled at each suspension of a handshake and a talk") {
  struct world {};
  const tls::context server_context = serving();
  const tls::context client_context = trusting();
  const auto scenario = [&](world&) {
    get_running_loop().set_exception_handler([](event_loop&, const exception_context&) {});  // of servers whose clients have gone
    net::server server = tls::start_server(&echo, "127.0.0.1", 0, server_context);
    stream s = tls::start_tls(net::open_connection(server.endpoints().front()), client_context, "localhost");
    s.write("hello\n");
    const std::string line = s.read_line();
    CHECK(line == "hello\n");
  };
  const auto before = open_descriptors();
  CHECK(testing::cancel_everywhere<world>({}, scenario, [](world&) {}).runs >= 4);
  CHECK(open_descriptors() == before);
}

TEST_CASE_FIXTURE(fixture, "each call fails once, at each place of a handshake and a talk") {
  const tls::context server_context = serving();
  const tls::context client_context = trusting();
  const std::string much = std::string(200'000, 'm') + "\n";
  const auto before = open_descriptors();
  for (const way& w : ways_of_a_stream) {
    int places = 0;
    for (bool happened = true; happened && places < 200; ++places) {
      INFO("call " << static_cast<int>(w.which) << ", error " << w.error << ", after " << places);
      std::string result;
      run([&] {
        net::server server = tls::start_server(&echo, "127.0.0.1", 0, server_context, {.stream = {.limit = 1'000'000}});
        fault = {.which = w.which, .error = w.error, .left = places, .happened = false};
        result = complaint_of([&] {
          timeout(1h, [&] {
            stream s = tls::start_tls(net::open_connection(server.endpoints().front(), {.stream = {.limit = 1'000'000}}), client_context,
                                      "localhost");
            for (const std::string& line : {std::string("hello\n"), much}) {
              s.write(line);
              s.drain();
              if (s.read_line() != line) throw std::runtime_error("something else came back");
            }
            s.close();
            s.wait_closed();
          });
        });
        happened = fault.happened;
        fault = {};
        server.close();
        server.wait_closed();
      });
      // What fails at the very end, a farewell, nobody misses: all that was sent has come back.
      if (!happened || w.harmless) CHECK(result == "nothing");
      CHECK(result.find("deadline") == std::string::npos);
      CHECK(result != "something else came back");
      for (const report& r : reports) CHECK(r.message == "Unhandled exception in a connection's handler");
      reports.clear();
    }
    CHECK(places > 1);
    CHECK(places < 200);
  }
  CHECK(open_descriptors() == before);
}
