// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>
#include <nakh/net/endpoint.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace nakh::net {

/// A socket for datagrams: UDP, or a Unix socket. Messages arrive whole, or not at all.
/// @par Thread safety  The loop's thread only.
/// @par Source         asyncio.DatagramProtocol, as functions.
class NAKH_API datagram_socket {
 public:
  /// At `local`; with port 0 the system chooses one. When `remote` is given, it sends there, and receives from there only.
  /// @throws std::system_error  when the address cannot be had
  /// @throws usage_error        when no loop runs in this thread
  explicit datagram_socket(const endpoint& local, const std::optional<endpoint>& remote = std::nullopt);
  datagram_socket(datagram_socket&& other) noexcept;
  datagram_socket& operator=(datagram_socket&& other) noexcept;
  ~datagram_socket();

  /// Waits until the system has taken the message, which does not mean that anybody receives it.
  /// @throws std::system_error  EMSGSIZE when it is too long; ECONNREFUSED when an earlier one found nobody
  /// @throws cancelled_error
  void send_to(std::string_view message, const endpoint& to);
  /// The same to the remote address.
  void send(std::string_view message);
  /// The next message, up to 65,535 bytes. `from`: who sent it.
  /// @throws std::system_error, cancelled_error  as above; nothing that arrived is lost when it is cancelled
  [[nodiscard]] std::string receive(endpoint* from = nullptr);
  /// The same into `room`; of a longer message the rest is lost. Returns how many bytes.
  [[nodiscard]] std::size_t receive(std::span<char> room, endpoint* from = nullptr);
  /// Tasks that wait here get `std::system_error` (ECANCELED).
  void close() noexcept;

  /// Where it is bound.
  [[nodiscard]] endpoint local() const;
  /// The system's socket. For socket options; not to be read from or written to.
  [[nodiscard]] int native_handle() const noexcept;

 private:
  struct state;
  [[nodiscard]] state& open() const;
  std::unique_ptr<state> state_;
};

}  // namespace nakh::net
