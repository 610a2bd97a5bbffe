// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace downloads {

/// Where a file is to be had, by HTTP.
struct address {
  std::string text;
  bool by_tls = false;
  std::string host;  ///< To connect to: a name, or an IP address without brackets.
  std::uint16_t port = 0;
  std::string authority;  ///< As the Host field names it.
  std::string target;     ///< Path and query.
  std::string
      file_name;  ///< The path's last segment; empty when there is none that can be a file's name.
};

/// @throws std::invalid_argument  when it is no address of HTTP; the message says why
[[nodiscard]] address parse_address(std::string_view text);
/// Where `from` sends its visitors. @throws std::invalid_argument
[[nodiscard]] address follow(const address& from, std::string_view location);

}  // namespace downloads
