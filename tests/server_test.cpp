// SPDX-License-Identifier: BSL-1.0
#include <nakh/net/server.hpp>

#include "sanitizers.hpp"
#include "support/fixture.hpp"
#include "support/in_valgrind.hpp"
#include "support/sockets.hpp"

#include <nakh/future.hpp>
#include <nakh/gather.hpp>
#include <nakh/net.hpp>
#include <nakh/stackless.hpp>
#include <nakh/stackless/net.hpp>
#include <nakh/task.hpp>
#include <nakh/timeout.hpp>

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

using namespace nakh;
using namespace nakh::test;
using namespace std::chrono_literals;
using net::stream;

namespace {

const net::endpoint anywhere("127.0.0.1", 0);

void echo(stream& s) {
  for (std::string line = s.read_line(); !line.empty(); line = s.read_line()) {
    s.write(line);
    s.drain();
  }
}

std::string ask(const net::endpoint& where, const std::string& line) {
  stream s = net::open_connection(where);
  s.write(line + "\n");
  return s.read_line();
}

}  // namespace

TEST_CASE_FIXTURE(fixture, "T-str-07: a task for each connection; echo line by line") {
  run([&] {
    net::server s = net::start_server(&echo, "127.0.0.1", 0);
    CHECK(s.is_serving());
    stream one = net::open_connection("127.0.0.1", s.endpoints().front().port());
    stream other = net::open_connection(s.endpoints().front());
    for (int i = 0; i < 3; ++i) {
      one.write("one " + std::to_string(i) + "\n");
      other.write("other\n");
      CHECK(one.read_line() == "one " + std::to_string(i) + "\n");
      CHECK(other.read_line() == "other\n");
    }
    CHECK(s.connections() == 2);
  });
}

TEST_CASE_FIXTURE(fixture, "T-srv-01: a handler that throws is reported, one that is cancelled is not; each connection is closed") {
  run([&] {
    any_task handler;
    net::server s = net::start_server(
        [&](stream& c) {
          const std::string line = c.read_line();
          if (line == "throw\n") throw std::runtime_error("oops");
          handler = current_task();
          sleep(1h);
        },
        anywhere);
    const auto there = s.endpoints().front();
    CHECK(ask(there, "throw").empty());
    CHECK(take_report().message == "Unhandled exception in a connection's handler");

    const auto asks = async([&] { return ask(there, "wait"); });
    while (!handler) sleep(1ms);
    handler.cancel();
    CHECK(await(asks).empty());
    CHECK(reports.empty());
    CHECK(s.is_serving());
    CHECK(ask(there, "throw").empty());
    CHECK(take_report_error() == "oops");
  });
}

TEST_CASE_FIXTURE(fixture, "T-srv-02: close, or the end of its scope, ends the listening; open connections live on") {
  run([&] {
    stream c;
    net::endpoint there;
    {
      net::server s = net::start_server(&echo, anywhere);
      there = s.endpoints().front();
      c = net::open_connection(there);
      c.write("x\n");
      CHECK(c.read_line() == "x\n");
      s.close();
      CHECK(s.endpoints().empty());
      CHECK_FALSE(s.is_serving());
      CHECK(caught([&] { s.start_serving(); }) == "usage_error");
    }
    CHECK_THROWS_AS(static_cast<void>(net::open_connection(there)), std::system_error);
    c.write("still\n");
    CHECK(c.read_line() == "still\n");
  });
}

TEST_CASE_FIXTURE(fixture, "T-srv-03: serve_forever ends by a cancellation, which closes the server") {
  run([&] {
    net::server s = net::start_server(&echo, "127.0.0.1", 0, {.start_serving = false});
    CHECK_FALSE(s.is_serving());
    const auto serves = async([&] { s.serve_forever(); });
    yield();
    CHECK(s.is_serving());
    CHECK(caught([&] { s.serve_forever(); }) == "usage_error");
    const auto there = s.endpoints().front();
    CHECK(ask(there, "x") == "x\n");
    serves.cancel();
    CHECK(caught([&] { await(serves); }) == "cancelled_error");
    CHECK_FALSE(s.is_serving());
    CHECK(caught([&] { s.serve_forever(); }) == "usage_error");

    net::server other = net::start_server(&echo, anywhere);
    const auto forever = async([&] { other.serve_forever(); });
    yield();
    other.close();
    CHECK(caught([&] { await(forever); }) == "cancelled_error");
  });
}

TEST_CASE_FIXTURE(fixture, "T-srv-04: wait_closed waits until the server is closed and its connections are gone") {
  run([&] {
    net::server s = net::start_server(&echo, anywhere);
    stream c = net::open_connection(s.endpoints().front());
    c.write("x\n");
    CHECK(c.read_line() == "x\n");
    const auto waits = async([&] { s.wait_closed(); });
    sleep(1s);
    CHECK_FALSE(waits.done());
    s.close();
    sleep(1s);
    CHECK_FALSE(waits.done());
    CHECK(s.connections() == 1);
    c.close();
    await(waits);
    CHECK(s.connections() == 0);
    s.wait_closed();
  });
}

TEST_CASE_FIXTURE(fixture, "T-srv-05: close_clients closes the connections, abort_clients ends them at once") {
  run([&] {
    net::server s = net::start_server(&echo, anywhere);
    stream one = net::open_connection(s.endpoints().front());
    one.write("x\n");
    CHECK(one.read_line() == "x\n");
    s.close_clients();
    CHECK(one.read_line().empty());

    stream other = net::open_connection(s.endpoints().front());
    other.write("x\n");
    CHECK(other.read_line() == "x\n");
    s.abort_clients();
    CHECK_THROWS_AS(static_cast<void>(other.read_line()), std::system_error);
    s.close();
    s.wait_closed();
  });
}

TEST_CASE_FIXTURE(fixture, "T-srv-06: of several addresses the first that answers is taken; when none does, the error tells of all") {
  run([&] {
    // "localhost" is ::1 and 127.0.0.1, of which only one answers, on most machines.
    net::server s = net::start_server(&echo, anywhere);
    const auto port = s.endpoints().front().port();
    stream c = net::open_connection("localhost", port);
    c.write("x\n");
    CHECK(c.read_line() == "x\n");
    stream in_turn = net::open_connection("localhost", port, {.attempt_delay = duration::max()});
    CHECK(in_turn.peer().port() == port);
    s.close();
    const auto all = net::resolve("localhost", port);
    try {
      static_cast<void>(net::open_connection("localhost", port));
      FAIL("somebody answers");
    } catch (const std::system_error& e) {
      CHECK(e.code() == std::errc::connection_refused);
      for (const auto& each : all) CHECK(std::string(e.what()).find(each.to_string()) != std::string::npos);
    }
  });
}

TEST_CASE_FIXTURE(fixture, "a Unix server: its file is there while it listens; one that was left is replaced") {
  const auto folder = std::filesystem::temp_directory_path() / ("nakh-server-test-" + std::to_string(::getpid()));
  std::filesystem::create_directory(folder);
  const std::string path = folder / "socket";
  run([&] {
    {
      net::server s = net::start_unix_server(&echo, path);
      CHECK(std::filesystem::is_socket(path));
      stream c = net::open_unix_connection(path);
      c.write("x\n");
      CHECK(c.read_line() == "x\n");
      // A later server at the same path owns the file.
      net::server later = net::start_unix_server(&echo, path);
      s.close();
      CHECK(std::filesystem::is_socket(path));
      CHECK(ask(net::endpoint::of_path(path), "y") == "y\n");
    }
    CHECK_FALSE(std::filesystem::exists(path));
    CHECK(caught([&] { static_cast<void>(net::start_unix_server(&echo, std::string(200, 'x'))); }) == "invalid_argument");
  });
  std::filesystem::remove_all(folder);
}

TEST_CASE_FIXTURE(fixture, "an address that is taken; one that several servers share") {
  run([&] {
    net::server s = net::start_server(&echo, "127.0.0.1", 0, {.reuse_port = true});
    const auto there = s.endpoints().front();
    CHECK(caught([&] { static_cast<void>(net::start_server(&echo, there)); }).find("cannot listen at " + there.to_string()) !=
          std::string::npos);
    net::server other = net::start_server(&echo, there, {.reuse_port = true});
    CHECK(ask(there, "x") == "x\n");
    CHECK(caught([&] { static_cast<void>(net::start_server(&echo, anywhere, {.max_connections = 0})); }) == "invalid_argument");
  });
}

TEST_CASE_FIXTURE(fixture, "all addresses of the machine, each with its port") {
  run([&] {
    net::server s = net::start_server(&echo, "", 0);
    CHECK_FALSE(s.endpoints().empty());
    for (const auto& e : s.endpoints()) {
      const net::endpoint here(e.family() == net::endpoint::kind::ipv4 ? "127.0.0.1" : "::1", e.port());
      CHECK(ask(here, "x") == "x\n");
    }
  });
}

TEST_CASE_FIXTURE(fixture, "more connections than it may have wait until one goes") {
  run([&] {
    net::server s = net::start_server(&echo, "127.0.0.1", 0, {.max_connections = 2});
    stream one = net::open_connection(s.endpoints().front());
    stream two = net::open_connection(s.endpoints().front());
    stream three = net::open_connection(s.endpoints().front());
    for (stream* c : {&one, &two}) {
      c->write("x\n");
      CHECK(c->read_line() == "x\n");
    }
    three.write("x\n");
    CHECK(caught([&] { timeout(1s, [&] { static_cast<void>(three.read_line()); }); }) == "timeout_error");
    CHECK(s.connections() == 2);
    one.close();
    CHECK(three.read_line() == "x\n");
  });
}

TEST_CASE_FIXTURE(fixture, "without descriptors: one report a second, and it goes on when they come back") {
#if defined(NAKH_ASAN)
  const bool tool_needs_some = true;  // UndefinedBehaviorSanitizer looks at memory through a pipe
#else
  const bool tool_needs_some = in_valgrind();
#endif
  if (tool_needs_some) {
    MESSAGE("skipped: the tool needs descriptors itself");
    return;
  }
  run([&] {
    net::server s = net::start_server(&echo, anywhere);
    const auto there = s.endpoints().front();
    stream before = net::open_connection(there);
    before.write("x\n");
    CHECK(before.read_line() == "x\n");
    // The client's socket is made first; then there is none for the server's side.
    rlimit old{};
    ::getrlimit(RLIMIT_NOFILE, &old);
    std::vector<int> used;
    const auto client = async([&] { return ask(there, "late"); });
    rlimit few = old;
    few.rlim_cur = 64;
    ::setrlimit(RLIMIT_NOFILE, &few);
    for (int fd = ::dup(0); fd >= 0; fd = ::dup(0)) used.push_back(fd);
    ::close(used.back());  // for the client
    used.pop_back();
    sleep(4500ms);
    CHECK_FALSE(client.done());
    CHECK(reports.size() >= 3);
    CHECK(reports.size() <= 6);
    for (const report& r : reports) CHECK(r.message == "Accepting a connection: the system has no room");
    reports.clear();
    before.write("still\n");
    CHECK(before.read_line() == "still\n");
    for (const int fd : used) ::close(fd);
    ::setrlimit(RLIMIT_NOFILE, &old);
    const auto since = now();
    CHECK(await(client) == "late\n");
    CHECK(now() - since <= 1500);
    reports.clear();
  });
}

// --- The twin ---

TEST_CASE_FIXTURE(fixture, "stackless: a server and a client, as coroutines") {
  struct parts {
    static stackless::task<> echo(stream s) {
      for (;;) {
        const std::string line = co_await stackless::read_line(s);
        if (line.empty()) break;
        s.write(line);
        co_await stackless::drain(s);
      }
    }
    static stackless::task<> client(net::endpoint there) {
      stream c = co_await stackless::open_connection(there);
      c.write("one\ntwo\nthree");
      c.write_eof();
      std::string got = co_await stackless::read_line(c);
      CHECK(got == "one\n");
      got = co_await stackless::read_exactly(c, 2);
      CHECK(got == "tw");
      got = co_await stackless::read_until(c, "\n");
      CHECK(got == "o\n");
      got = co_await stackless::read(c, 2);
      CHECK(got == "th");
      got = co_await stackless::read_all(c);
      CHECK(got == "ree");
      c.close();
      co_await stackless::wait_closed(c);
    }
    static stackless::task<> cancelled(net::endpoint there) {
      stream c = co_await stackless::open_connection(there);
      auto reader = stackless::spawn(stackless::read_line(c));
      co_await stackless::yield();
      reader.cancel();
      co_await stackless::gather(return_exceptions, reader);
      CHECK(reader.cancelled());
      c.write("again\n");
      const std::string got = co_await stackless::read_line(c);
      CHECK(got == "again\n");
    }
    static stackless::task<> main() {
      net::server s = stackless::start_server(&echo, anywhere);
      const auto there = s.endpoints().front();
      co_await client(there);
      co_await cancelled(there);
      s.close();
      co_await stackless::wait_closed(s);
    }
  };
  run([] { await(stackless::spawn(parts::main())); });
  run([] { await(parts::main()); });
}
