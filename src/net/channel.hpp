// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/net/endpoint.hpp>

#include <boost/system/error_code.hpp>
#include <cstddef>
#include <span>
#include <string_view>

namespace nakh::detail {

/// What a call that does not block has come to.
struct io_result {
  std::size_t size = 0;
  /// It could not go on, or not further, before the descriptor becomes readable or writable.
  bool needs_readable = false;
  bool needs_writable = false;
  /// The system itself has said so (EAGAIN), perhaps although it had said before that the descriptor was ready.
  bool blocked = false;
  bool ended = false;  ///< Nothing more will come.
  boost::system::error_code error{};
};

/// The system's side of a stream: a socket, a pipe, or TLS over one. Nothing here blocks.
class channel {
 public:
  channel() = default;
  channel(const channel&) = delete;
  channel& operator=(const channel&) = delete;
  virtual ~channel() = default;

  /// What must be said before anything else.
  [[nodiscard]] virtual io_result handshake() noexcept { return {}; }
  /// Of a pipe only one end is here. What it cannot do it is not asked for.
  [[nodiscard]] virtual bool can_read() const noexcept { return true; }
  [[nodiscard]] virtual bool can_write() const noexcept { return true; }
  /// `room` is not empty. `peer_ended`: a short read does not mean that nothing is left.
  [[nodiscard]] virtual io_result read(std::span<char> room, bool peer_ended) noexcept = 0;
  [[nodiscard]] virtual io_result write(std::string_view bytes) noexcept = 0;
  [[nodiscard]] virtual bool can_write_eof() const noexcept = 0;
  /// Ends the direction to the peer, after all that was written.
  [[nodiscard]] virtual io_result write_eof() noexcept = 0;
  /// Says farewell to the peer, as far as that is possible without waiting.
  virtual void say_farewell() noexcept {}
  /// Ends both directions. `reset`: so that the peer takes it for an error.
  virtual void close(bool reset) noexcept = 0;

  /// -1 when it is closed.
  [[nodiscard]] virtual int descriptor() const noexcept = 0;
  [[nodiscard]] virtual net::endpoint local() const { return {}; }
  [[nodiscard]] virtual net::endpoint peer() const { return {}; }
};

}  // namespace nakh::detail
