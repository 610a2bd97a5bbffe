// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace nakh::net {

/// Where a socket is: an IPv4 or IPv6 address with a port, or the path of a Unix socket. A value.
/// @par Thread safety  As int.
class NAKH_API endpoint {
 public:
  /// None: of a Unix socket without a name, or of a connection that is gone.
  endpoint() noexcept = default;
  /// From an address in its usual form, `127.0.0.1` or `::1` or `fe80::1`; no name is looked up.
  /// @throws std::invalid_argument  when it is none.
  endpoint(const std::string& address, std::uint16_t port);
  /// A Unix socket's. A path that begins with a zero byte is an abstract one (Linux).
  /// @throws std::invalid_argument  when the path is longer than the system's limit, 107 bytes.
  [[nodiscard]] static endpoint of_path(std::string_view path);
  /// From the system's own form. @throws std::invalid_argument  when it is longer than any.
  [[nodiscard]] static endpoint of_sockaddr(const void* address, std::size_t size);

  /// What kind of place it is; `none` is no place, `other` one that is known to the system only.
  enum class kind : unsigned char { none, ipv4, ipv6, unix_path, other };
  /// Which of them this one is.
  [[nodiscard]] kind family() const noexcept;
  /// `127.0.0.1`; empty when it is no internet address.
  [[nodiscard]] std::string address() const;
  /// 0 when it is no internet address.
  [[nodiscard]] std::uint16_t port() const noexcept;
  /// Empty when it is no Unix socket's.
  [[nodiscard]] std::string_view path() const noexcept;
  /// `127.0.0.1:80`, `[::1]:80`, the path, or `none`.
  [[nodiscard]] std::string to_string() const;

  /// The system's own form: a sockaddr of `size` bytes.
  [[nodiscard]] const void* data() const noexcept { return bytes_; }
  /// How many bytes the system's own form has; 0 for none.
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

  friend NAKH_API bool operator==(const endpoint& a, const endpoint& b) noexcept;

 private:
  alignas(8) unsigned char bytes_[128] = {};
  std::uint32_t size_ = 0;
};

}  // namespace nakh::net
