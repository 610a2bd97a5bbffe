// SPDX-License-Identifier: BSL-1.0
#include "sockets.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/error.hpp>
#include <cerrno>
#include <system_error>

#include "stream_core.hpp"

namespace nakh::detail {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

class socket_channel final : public channel {
 public:
  explicit socket_channel(owned_descriptor s) noexcept : socket_(std::move(s)) {}

  [[nodiscard]] io_result read(std::span<char> room, bool peer_ended) noexcept override {
    return result_of_read(retried([&] { return ::recv(socket_.get(), room.data(), room.size(), MSG_DONTWAIT); }), room.size(), peer_ended);
  }
  [[nodiscard]] io_result write(std::string_view bytes) noexcept override {
    return result_of_write(retried([&] { return ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT); }));
  }
  [[nodiscard]] bool can_write_eof() const noexcept override { return true; }
  [[nodiscard]] io_result write_eof() noexcept override { return result_of_write(::shutdown(socket_.get(), SHUT_WR)); }
  void close(bool reset) noexcept override {
    if (reset) {
      const linger at_once{.l_onoff = 1, .l_linger = 0};
      ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    }
    socket_.close();
  }
  [[nodiscard]] int descriptor() const noexcept override { return socket_.get(); }
  [[nodiscard]] net::endpoint local() const override { return local_endpoint_of(socket_.get()); }
  [[nodiscard]] net::endpoint peer() const override { return peer_endpoint_of(socket_.get()); }

 private:
  owned_descriptor socket_;
};

io_result failed(bool io_result::* need) noexcept {
  io_result r;
  if (would_block(errno)) {
    r.*need = true;
    r.blocked = true;
  } else {
    r.error.assign(errno, asio::error::get_system_category());
  }
  return r;
}

template <class Get>
net::endpoint endpoint_by(Get get, int socket) {
  sockaddr_storage s{};
  socklen_t size = sizeof s;
  if (get(socket, reinterpret_cast<sockaddr*>(&s), &size) != 0 || size > sizeof s) return {};
  return net::endpoint::of_sockaddr(&s, size);
}

}  // namespace

void owned_descriptor::close() noexcept {
  if (descriptor_ >= 0) ::close(release());
}

io_result result_of_read(ssize_t n, std::size_t room, bool peer_ended) noexcept {
  if (n < 0) return failed(&io_result::needs_readable);
  const auto size = static_cast<std::size_t>(n);
  // Less than there is room for is all there is: see epoll(7).
  return {.size = size, .needs_readable = size < room && !peer_ended, .ended = n == 0};
}

io_result result_of_write(ssize_t n) noexcept {
  if (n < 0) return failed(&io_result::needs_writable);
  return {.size = static_cast<std::size_t>(n)};
}

bool would_block(int error) noexcept { return error == EAGAIN || error == EWOULDBLOCK; }

void set_non_blocking(int descriptor) noexcept {
  const int flags = ::fcntl(descriptor, F_GETFL);
  if (flags >= 0 && (flags & O_NONBLOCK) == 0) ::fcntl(descriptor, F_SETFL, flags | O_NONBLOCK);
}

int family_of(const net::endpoint& e) noexcept {
  switch (e.family()) {
    case net::endpoint::kind::ipv4:
      return AF_INET;
    case net::endpoint::kind::ipv6:
      return AF_INET6;
    case net::endpoint::kind::unix_path:
      return AF_UNIX;
    default:
      return AF_UNSPEC;
  }
}

net::endpoint local_endpoint_of(int socket) { return endpoint_by(&::getsockname, socket); }
net::endpoint peer_endpoint_of(int socket) { return endpoint_by(&::getpeername, socket); }

std::unique_ptr<channel> make_socket_channel(owned_descriptor connected) {
  // As asyncio: what is written small is meant to be sent.
  const int yes = 1;
  ::setsockopt(connected.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);  // not TCP: no harm
  return std::make_unique<socket_channel>(std::move(connected));
}

net::stream make_stream(loop_core& loop, std::unique_ptr<channel> c, const net::stream_options& options) {
  return net::stream(stream_ref::share(new stream_core(loop, std::move(c), options)));
}

net::stream make_stream(loop_core& loop, owned_descriptor connected, const net::stream_options& options) {
  return make_stream(loop, make_socket_channel(std::move(connected)), options);
}

void throw_if(const error_code& error, const std::string& what) {
  if (error) throw std::system_error(static_cast<std::error_code>(error), "nakh: " + what);
}

void throw_errno(const std::string& what) { throw std::system_error(errno, std::system_category(), "nakh: " + what); }

}  // namespace nakh::detail
