// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>
#include <nakh/net/endpoint.hpp>
#include <nakh/net/stream.hpp>
#include <nakh/time.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// @file
/// Names and connections.
/// @par Thread safety  The loop's thread only.
namespace nakh::net {

/// The internet addresses of `host`, each with `port`, in the order in which the system wants them tried. An address in its usual
/// form is its own; a name is looked up in a thread of the loop's default executor. An empty name is the machine itself.
/// @throws std::system_error  when there is none: the message says what was looked for
/// @throws cancelled_error    when the task is cancelled; the lookup then goes on without anybody, and `run` waits for it
/// @par Source  asyncio's loop.getaddrinfo (CPython 3.14).
[[nodiscard]] NAKH_API std::vector<endpoint> resolve(const std::string& host, std::uint16_t port);

/// Settings of a connection.
struct connect_options {
  /// Limits of its stream.
  stream_options stream{};
  /// Of several addresses the next is tried when one has failed, or has not answered for so long; the first that answers is taken.
  /// IPv6 and IPv4 take turns. `duration::max()`: one after the other, in the system's order.
  delay attempt_delay = std::chrono::milliseconds(250);
  /// Where to connect from. None: the system's choice.
  std::optional<endpoint> local = std::nullopt;
};

/// Connects to a host by TCP, without Nagle's delay.
/// @throws std::system_error  when nobody answers: the last address's error, with all of them in the message (T-srv-06)
/// @throws cancelled_error    when the task is cancelled; nothing is left open
/// @par Source  asyncio.open_connection (CPython 3.14). Differs: addresses are tried staggered unless it is told not to, as RFC 8305
///              wants it.
[[nodiscard]] NAKH_API stream open_connection(const std::string& host, std::uint16_t port, const connect_options& options = {});
/// The same to an address, or a Unix socket.
[[nodiscard]] NAKH_API stream open_connection(const endpoint& to, const connect_options& options = {});
/// The same to the Unix socket at `path`. @throws std::invalid_argument  when it is too long
/// @par Source  asyncio.open_unix_connection.
[[nodiscard]] NAKH_API stream open_unix_connection(const std::string& path, const connect_options& options = {});

/// A stream over a connected socket that was opened elsewhere, of the internet's or a Unix one. From now on it belongs to the stream,
/// also when this throws.
/// @throws std::system_error      when it is no such socket
/// @throws std::invalid_argument  for a limit of 0
/// @par Source  asyncio.open_connection(sock=...).
[[nodiscard]] NAKH_API stream adopt_socket(int connected, const stream_options& options = {});

}  // namespace nakh::net
