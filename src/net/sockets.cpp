// SPDX-License-Identifier: BSL-1.0
#include "sockets.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/error.hpp>
#include <cerrno>
#include <system_error>
#include <utility>

#include "stream_core.hpp"

namespace nakh::detail {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

class socket_channel final : public channel {
 public:
  explicit socket_channel(stream_socket s) noexcept : socket_(std::move(s)) {}

  void read_some(stream_core& s, asio::mutable_buffer room) override {
    socket_.async_read_some(room, channel_handler<&stream_core::on_read>(s, s.read_memory()));
  }
  void write_some(stream_core& s, asio::const_buffer bytes) override {
    socket_.async_write_some(bytes, channel_handler<&stream_core::on_write>(s, s.write_memory()));
  }
  void cancel_read() noexcept override {
    error_code ignored;
    socket_.cancel(ignored);  // NOLINT(bugprone-unused-return-value): void in some of Asio's configurations
  }
  std::size_t write_now(std::string_view bytes, error_code& error) override {
    for (;;) {
      const ssize_t sent = ::send(socket_.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent >= 0) return static_cast<std::size_t>(sent);
      if (errno == EINTR) continue;
      error.assign(errno, asio::error::get_system_category());
      return 0;
    }
  }
  [[nodiscard]] bool can_write_eof() const noexcept override { return true; }
  void write_eof(error_code& error) override {
    socket_.shutdown(asio::socket_base::shutdown_send, error);  // NOLINT(bugprone-unused-return-value)
  }
  void close(bool reset) noexcept override {
    error_code ignored;
    if (reset) {
      const linger at_once{.l_onoff = 1, .l_linger = 0};
      ::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    }
    socket_.close(ignored);  // NOLINT(bugprone-unused-return-value)
  }
  [[nodiscard]] int native_handle() noexcept override { return socket_.is_open() ? socket_.native_handle() : -1; }
  [[nodiscard]] net::endpoint local() override {
    error_code none;
    const auto e = socket_.local_endpoint(none);
    return none ? net::endpoint() : from_asio(e);
  }
  [[nodiscard]] net::endpoint peer() override {
    error_code none;
    const auto e = socket_.remote_endpoint(none);
    return none ? net::endpoint() : from_asio(e);
  }

 private:
  stream_socket socket_;
};

}  // namespace

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

asio::generic::stream_protocol stream_protocol_of(const net::endpoint& e) {
  const int family = family_of(e);
  return {family, family == AF_UNIX ? 0 : IPPROTO_TCP};
}

std::unique_ptr<channel> make_socket_channel(stream_socket connected) {
  // As asyncio: what is written small is meant to be sent.
  const int yes = 1;
  ::setsockopt(connected.native_handle(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);  // not TCP: no harm
  return std::make_unique<socket_channel>(std::move(connected));
}

net::stream make_stream(loop_core& loop, std::unique_ptr<channel> c, const net::stream_options& options) {
  return net::stream(stream_ref(new stream_core(loop, std::move(c), options)));
}

net::stream make_stream(loop_core& loop, stream_socket connected, const net::stream_options& options) {
  return make_stream(loop, make_socket_channel(std::move(connected)), options);
}

void throw_if(const error_code& error, const std::string& what) {
  if (error) throw std::system_error(static_cast<std::error_code>(error), "nakh: " + what);
}

}  // namespace nakh::detail
