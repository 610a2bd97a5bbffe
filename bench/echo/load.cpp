// SPDX-License-Identifier: BSL-1.0
// Keeps a number of connections busy, each with one message under way, for a time. Says "ready" when all are open, and begins when
// it is told to by a line. Prints how many messages came back, in how many seconds, and the 50th and 99th percentile of the times
// that they took, in microseconds.
//
// usage: load PORT CONNECTIONS SECONDS [IDLE]   IDLE: connections that are opened besides, and not used any more then
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

constexpr std::size_t message = 64;
using clock_type = std::chrono::steady_clock;

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

struct connection {
  int fd = -1;
  std::size_t missing = message;
  clock_type::time_point sent;
};

void send_to(int fd) {
  static const std::array<char, message> bytes{};
  if (::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(message)) fail("load: send");
}

// With one message there and back: the server has taken it in then, and has made whatever it makes for one.
int connect_to(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(port));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || ::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) fail("load: connect");
  const int yes = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  send_to(fd);
  std::array<char, message> bytes;
  if (::recv(fd, bytes.data(), bytes.size(), MSG_WAITALL) != static_cast<ssize_t>(message)) fail("load: recv");
  return fd;
}

void send_to(connection& c) {
  c.missing = message;
  c.sent = clock_type::now();
  send_to(c.fd);
}

double at(std::vector<float>& times, double part) {
  if (times.empty()) return 0;
  const auto nth = times.begin() + static_cast<std::ptrdiff_t>(part * static_cast<double>(times.size() - 1));
  std::nth_element(times.begin(), nth, times.end());
  return static_cast<double>(*nth);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) return std::fputs("usage: load PORT CONNECTIONS SECONDS [IDLE]\n", stderr), 2;
  const int port = std::atoi(argv[1]);
  const int idle = argc > 4 ? std::atoi(argv[4]) : 0;
  for (int i = 0; i < idle; ++i) connect_to(port);
  std::vector<connection> all(static_cast<std::size_t>(std::atoi(argv[2])));
  const int poll = ::epoll_create1(0);
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i].fd = connect_to(port);
    epoll_event event{.events = EPOLLIN, .data = {.u64 = i}};
    ::epoll_ctl(poll, EPOLL_CTL_ADD, all[i].fd, &event);
  }
  std::vector<float> times;
  times.reserve(1 << 22);
  std::puts("ready");
  std::fflush(stdout);
  if (std::getchar() == EOF) return 1;
  const auto begin = clock_type::now();
  const auto end = begin + std::chrono::duration_cast<clock_type::duration>(std::chrono::duration<double>(std::atof(argv[3])));
  for (connection& c : all) send_to(c);
  std::array<epoll_event, 256> events{};
  std::array<char, 4096> bytes{};
  long long messages = 0;
  while (clock_type::now() < end) {
    const int count = ::epoll_wait(poll, events.data(), static_cast<int>(events.size()), 1000);
    for (int i = 0; i < count; ++i) {
      connection& c = all[events[static_cast<std::size_t>(i)].data.u64];
      const ssize_t n = ::recv(c.fd, bytes.data(), bytes.size(), 0);
      if (n <= 0) fail("load: recv");
      c.missing -= static_cast<std::size_t>(n);
      if (c.missing > 0) continue;
      ++messages;
      times.push_back(std::chrono::duration<float, std::micro>(clock_type::now() - c.sent).count());
      send_to(c);
    }
  }
  const double seconds = std::chrono::duration<double>(clock_type::now() - begin).count();
  const double half = at(times, 0.5);
  std::printf("%lld %.4f %.1f %.1f\n", messages, seconds, half, at(times, 0.99));
}
