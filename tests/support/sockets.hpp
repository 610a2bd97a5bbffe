// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/net.hpp>

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <string_view>
#include <utility>

namespace nakh::test {

/// A stream, and a bare socket at its other end, which does what it is told and nothing else.
struct raw_peer {
  explicit raw_peer(const net::stream_options& options = {}) {
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
    stream = net::adopt_socket(ends[0], options);
    socket = ends[1];
  }
  raw_peer(const raw_peer&) = delete;
  raw_peer& operator=(const raw_peer&) = delete;
  ~raw_peer() { close(); }

  void send(std::string_view bytes) const {
    REQUIRE(::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
  }
  /// What has come; does not wait.
  [[nodiscard]] std::string received() const {
    std::string all;
    std::array<char, 65536> some{};
    for (;;) {
      const ssize_t n = ::recv(socket, some.data(), some.size(), MSG_DONTWAIT);
      if (n <= 0) return all;
      all.append(some.data(), static_cast<std::size_t>(n));
    }
  }
  /// Whether the stream has ended its direction, and all of it was received.
  [[nodiscard]] bool sees_end() const {
    char one = 0;
    return ::recv(socket, &one, 1, MSG_DONTWAIT) == 0;
  }
  void shut_down() const { ::shutdown(socket, SHUT_WR); }
  void close() {
    if (socket >= 0) ::close(std::exchange(socket, -1));
  }

  net::stream stream;
  int socket = -1;
};

/// Two streams that are connected by TCP.
struct stream_pair {
  explicit stream_pair(const net::stream_options& options = {}) {
    future<net::stream> accepted;
    net::server s = net::start_server([accepted](net::stream c) { accepted.set_result(std::move(c)); }, net::endpoint("127.0.0.1", 0),
                                      {.stream = options});
    one = net::open_connection(s.endpoints().front(), {.stream = options});
    other = std::move(accepted).await();
  }
  net::stream one;
  net::stream other;
};

}  // namespace nakh::test
