// SPDX-License-Identifier: BSL-1.0
// The system's calls fail, one at a time, in each way and at each place: the right task gets an error, nothing is lost or left.
#include <nakh/net.hpp>

#include "support/failing_calls.hpp"
#include "support/fixture.hpp"

#include <nakh/event.hpp>
#include <nakh/task.hpp>
#include <nakh/timeout.hpp>

#include <cerrno>
#include <string>
#include <system_error>
#include <vector>

using namespace nakh;
using namespace nakh::test;
using namespace std::chrono_literals;

namespace {

const std::string much(300'000, 'm');

/// A server that sends back lines, and a client that wants its own back. Returns what went wrong there, or "nothing".
std::string talk() try {
  net::server server = net::start_server(
      [](net::stream& s) {
        for (std::string line = s.read_line(); !line.empty(); line = s.read_line()) {
          s.write(line);
          s.drain();
        }
      },
      net::endpoint("127.0.0.1", 0), {.stream = {.limit = 1'000'000}});
  const auto there = server.endpoints().front();
  const std::string result = complaint_of([&] {
    timeout(1h, [&] {
      net::stream s = net::open_connection(there, {.stream = {.limit = 1'000'000}});
      for (int i = 0; i < 3; ++i) {
        const std::string line = "line " + std::to_string(i) + "\n";
        s.write(line);
        const std::string answer = s.read_line();
        if (answer.empty()) throw std::runtime_error("the server has closed the connection");
        if (answer != line) throw std::runtime_error("'" + answer + "' came instead of '" + line + "'");
      }
      s.write(much + "\n");
      s.drain();
      if (s.read_line() != much + "\n") throw std::runtime_error("much did not come back");
    });
  });
  server.close();
  server.wait_closed();
  return result;
} catch (const std::system_error& e) {  // there is no server
  return e.code().message();
}

}  // namespace

TEST_CASE_FIXTURE(fixture, "each call fails once, at each place, in each way") {
  std::vector<way> ways{{call::socket, EMFILE, false},        {call::socket, ENOMEM, false},    {call::connect, EINTR, false},
                        {call::connect, ECONNREFUSED, false}, {call::connect, ENOMEM, false},   {call::accept, EINTR, true},
                        {call::accept, ECONNABORTED, true},   {call::accept, EAGAIN, true},     {call::accept, EMFILE, true},
                        {call::accept, ENOMEM, true},         {call::epoll_ctl, ENOMEM, false}, {call::epoll_ctl, ENOSPC, false},
                        {call::epoll_wait, EINTR, true}};
  ways.insert(ways.end(), ways_of_a_stream.begin(), ways_of_a_stream.end());
  for (const way& w : ways) {
    int places = 0;
    for (bool happened = true; happened && places < 100; ++places) {
      INFO("call " << static_cast<int>(w.which) << ", error " << w.error << ", after " << places);
      std::string result;
      run([&] {
        // The server's own socket is not what is to fail.
        fault = {.which = w.which, .error = w.error, .left = places + (w.which == call::socket ? 1 : 0), .happened = false};
        result = talk();
        happened = fault.happened;
        fault = {};
      });
      if (!happened || w.harmless) CHECK(result == "nothing");
      // The client is told, or the server's handler, by whose end the client learns it too unless it has all it wants. Asio goes on
      // after EINTR by itself.
      if (happened && !w.harmless && w.error != EINTR) CHECK((result != "nothing" || !reports.empty()));
      CHECK(result.find("deadline") == std::string::npos);
      CHECK(result.find("came instead of") == std::string::npos);
      for (const report& r : reports) {
        CAPTURE(r.message);
        CHECK((r.message == "Unhandled exception in a connection's handler" ||
               r.message == "Accepting a connection: the system has no room" || r.message == "A connection could not be served"));
      }
      reports.clear();
    }
    CHECK(places > 1);
  }
}
