// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/net/endpoint.hpp>
#include <nakh/net/stream.hpp>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/generic/datagram_protocol.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <memory>

#include "channel.hpp"

// Sockets of any family, by Boost.Asio.
namespace nakh::detail {

using stream_socket = boost::asio::basic_stream_socket<boost::asio::generic::stream_protocol, boost::asio::io_context::executor_type>;
using stream_acceptor = boost::asio::basic_socket_acceptor<boost::asio::generic::stream_protocol, boost::asio::io_context::executor_type>;

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
[[nodiscard]] boost::asio::generic::stream_protocol stream_protocol_of(const net::endpoint& e);

/// A stream over a connected socket.
[[nodiscard]] net::stream make_stream(loop_core& loop, stream_socket connected, const net::stream_options& options);
[[nodiscard]] net::stream make_stream(loop_core& loop, std::unique_ptr<channel> c, const net::stream_options& options);
[[nodiscard]] std::unique_ptr<channel> make_socket_channel(stream_socket connected);

/// @throws std::system_error  `what`, and the error, when there is one
void throw_if(const boost::system::error_code& error, const std::string& what);

}  // namespace nakh::detail
