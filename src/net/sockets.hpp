// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/net/endpoint.hpp>
#include <nakh/net/stream.hpp>

#include <sys/types.h>

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/generic/datagram_protocol.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <memory>
#include <string>
#include <utility>

#include "channel.hpp"

// Sockets of any family.
namespace nakh::detail {

using stream_socket = boost::asio::basic_stream_socket<boost::asio::generic::stream_protocol, boost::asio::io_context::executor_type>;

/// What Asio calls an endpoint; that of a stream's or of a datagram's socket.
template <class Theirs>
Theirs to_asio(const net::endpoint& e) {
  return Theirs(e.data(), e.size());
}
template <class Theirs>
net::endpoint from_asio(const Theirs& e) {
  return net::endpoint::of_sockaddr(e.data(), e.size());
}

/// AF_INET and so on.
[[nodiscard]] int family_of(const net::endpoint& e) noexcept;
[[nodiscard]] net::endpoint local_endpoint_of(int socket);
[[nodiscard]] net::endpoint peer_endpoint_of(int socket);

/// A descriptor that is closed at the end.
class owned_descriptor {
 public:
  owned_descriptor() noexcept = default;
  explicit owned_descriptor(int d) noexcept : descriptor_(d) {}
  owned_descriptor(owned_descriptor&& other) noexcept : descriptor_(other.release()) {}
  owned_descriptor& operator=(owned_descriptor other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~owned_descriptor() { close(); }
  [[nodiscard]] int get() const noexcept { return descriptor_; }
  [[nodiscard]] int release() noexcept { return std::exchange(descriptor_, -1); }
  void close() noexcept;

 private:
  int descriptor_ = -1;
};

/// A stream over a connected socket, which never blocks.
[[nodiscard]] net::stream make_stream(loop_core& loop, owned_descriptor connected, const net::stream_options& options);
[[nodiscard]] net::stream make_stream(loop_core& loop, std::unique_ptr<channel> c, const net::stream_options& options);
[[nodiscard]] std::unique_ptr<channel> make_socket_channel(owned_descriptor connected);
/// What `call` returns once no signal interrupts it.
template <class Call>
ssize_t retried(Call call) noexcept {
  for (;;) {
    const ssize_t n = call();
    if (n >= 0 || errno != EINTR) return n;
  }
}
/// Of a read of at most `room` bytes that returned `n`, or failed with errno.
[[nodiscard]] io_result result_of_read(ssize_t n, std::size_t room, bool peer_ended) noexcept;
/// The same of a write.
[[nodiscard]] io_result result_of_write(ssize_t n) noexcept;
/// Whether a call that failed with this error number would only have blocked.
[[nodiscard]] bool would_block(int error) noexcept;
void set_non_blocking(int descriptor) noexcept;

/// @throws std::system_error  `what`, and the error, when there is one
void throw_if(const boost::system::error_code& error, const std::string& what);
/// @throws std::system_error  `what`, and errno
[[noreturn]] void throw_errno(const std::string& what);

}  // namespace nakh::detail
