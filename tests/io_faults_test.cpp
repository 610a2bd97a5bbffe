// SPDX-License-Identifier: BSL-1.0
// The system's calls fail, one at a time, in each way and at each place: the right task gets an error, nothing is lost or left.
#include <nakh/net.hpp>

#include "support/fixture.hpp"

#include <nakh/event.hpp>
#include <nakh/task.hpp>
#include <nakh/timeout.hpp>

#include <dlfcn.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <string>
#include <system_error>

using namespace nakh;
using namespace nakh::test;
using namespace std::chrono_literals;

namespace {

enum class call : unsigned char { none, socket, connect, accept, recv, send, send_short };

/// The one that is to fail.
struct {
  call which = call::none;
  int error = 0;
  int left = 0;  ///< So many succeed before.
  bool happened = false;
} fault;

bool fails(call c) {
  if (fault.which != c || fault.happened || fault.left-- > 0) return false;
  fault.happened = true;
  errno = fault.error;
  return true;
}

template <class Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

// Each stands before the C library's.
extern "C" int socket(int domain, int type, int protocol) noexcept {
  static auto* const next = real<int(int, int, int)>("socket");
  return fails(call::socket) ? -1 : next(domain, type, protocol);
}
extern "C" int connect(int fd, const sockaddr* to, socklen_t size) {
  static auto* const next = real<int(int, const sockaddr*, socklen_t)>("connect");
  return fails(call::connect) ? -1 : next(fd, to, size);
}
extern "C" int accept4(int fd, sockaddr* from, socklen_t* size, int flags) {
  static auto* const next = real<int(int, sockaddr*, socklen_t*, int)>("accept4");
  return fails(call::accept) ? -1 : next(fd, from, size, flags);
}
extern "C" ssize_t recv(int fd, void* room, size_t size, int flags) {
  static auto* const next = real<ssize_t(int, void*, size_t, int)>("recv");
  return fails(call::recv) ? -1 : next(fd, room, size, flags);
}
extern "C" ssize_t send(int fd, const void* bytes, size_t size, int flags) {
  static auto* const next = real<ssize_t(int, const void*, size_t, int)>("send");
  if (fails(call::send)) return -1;
  return next(fd, bytes, fails(call::send_short) ? 1 : size, flags);
}

namespace {

const std::string much(300'000, 'm');

/// A server that sends back lines, and a client that wants its own back. Returns what went wrong there, or "nothing".
std::string talk() {
  net::server server = net::start_server(
      [](net::stream& s) {
        for (std::string line = s.read_line(); !line.empty(); line = s.read_line()) {
          s.write(line);
          s.drain();
        }
      },
      net::endpoint("127.0.0.1", 0), {.stream = {.limit = 1'000'000}});
  const auto there = server.endpoints().front();
  std::string result = "nothing";
  try {
    timeout(1h, [&] {
      net::stream s = net::open_connection(there, {.stream = {.limit = 1'000'000}});
      for (int i = 0; i < 3; ++i) {
        const std::string line = "line " + std::to_string(i) + "\n";
        s.write(line);
        const std::string answer = s.read_line();
        if (answer != line) throw std::runtime_error("'" + answer + "' came instead of '" + line + "'");
      }
      s.write(much + "\n");
      s.drain();
      if (s.read_line() != much + "\n") throw std::runtime_error("much did not come back");
    });
  } catch (const std::system_error& e) {
    result = e.code().message();
  } catch (const std::exception& e) {
    result = e.what();
  }
  server.close();
  server.wait_closed();
  return result;
}

}  // namespace

TEST_CASE_FIXTURE(fixture, "each call fails once, at each place, in each way") {
  struct way {
    call which;
    int error;
    bool harmless;  ///< Nobody notices.
  };
  const std::array<way, 19> ways{{{call::socket, EMFILE, false},
                                  {call::socket, ENOMEM, false},
                                  {call::connect, EINTR, false},
                                  {call::connect, ECONNREFUSED, false},
                                  {call::connect, ENOMEM, false},
                                  {call::accept, EINTR, true},
                                  {call::accept, ECONNABORTED, true},
                                  {call::accept, EAGAIN, true},
                                  {call::accept, EMFILE, true},
                                  {call::accept, ENOMEM, true},
                                  {call::recv, EINTR, true},
                                  {call::recv, EAGAIN, true},
                                  {call::recv, ECONNRESET, false},
                                  {call::recv, ENOMEM, false},
                                  {call::send, EINTR, true},
                                  {call::send, EAGAIN, true},
                                  {call::send, ECONNRESET, false},
                                  {call::send, EPIPE, false},
                                  {call::send_short, 0, true}}};
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
      for (const report& r : reports)
        CHECK((r.message == "Unhandled exception in a connection's handler" ||
               r.message == "Accepting a connection: the system has no room"));
      reports.clear();
    }
    CHECK(places > 1);
  }
}
