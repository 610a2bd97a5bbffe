// SPDX-License-Identifier: BSL-1.0
// The least that an echo server does: one thread, level-triggered epoll, one read and one write a message.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "../serving/port.hpp"

int main() {
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  if (::bind(listener, reinterpret_cast<sockaddr*>(&at), size) != 0 || ::listen(listener, 1000) != 0) return 1;
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&at), &size);
  say_port(ntohs(at.sin_port));

  const int poll = ::epoll_create1(0);
  epoll_event event{.events = EPOLLIN, .data = {.fd = listener}};
  ::epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
  std::array<epoll_event, 128> events{};
  std::array<char, 4096> bytes{};
  for (;;) {
    const int count = ::epoll_wait(poll, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < count; ++i) {
      const int fd = events[static_cast<std::size_t>(i)].data.fd;
      if (fd == listener) {
        const int connection = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK);
        const int yes = 1;
        ::setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        event = {.events = EPOLLIN, .data = {.fd = connection}};
        ::epoll_ctl(poll, EPOLL_CTL_ADD, connection, &event);
        continue;
      }
      const ssize_t n = ::recv(fd, bytes.data(), bytes.size(), 0);
      if (n <= 0 || ::send(fd, bytes.data(), static_cast<std::size_t>(n), MSG_NOSIGNAL) != n) ::close(fd);
    }
  }
}
