// SPDX-License-Identifier: BSL-1.0
#include <nakh/net/endpoint.hpp>

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <stdexcept>

#include <boost/asio/ip/address.hpp>

namespace nakh::net {

namespace {

// The bytes are a sockaddr of the family that they say; to look at them as one, they are copied.
template <class Sockaddr>
Sockaddr as(const endpoint& e) noexcept {
  Sockaddr s{};
  std::memcpy(&s, e.data(), std::min(sizeof s, e.size()));
  return s;
}

constexpr std::size_t path_begins = offsetof(sockaddr_un, sun_path);

}  // namespace

endpoint endpoint::of_sockaddr(const void* address, std::size_t size) {
  endpoint e;
  if (size > sizeof e.bytes_)
    throw std::invalid_argument("nakh: a socket's address of " + std::to_string(size) + " bytes is longer than any");
  std::memcpy(e.bytes_, address, size);
  e.size_ = static_cast<std::uint32_t>(size);
  return e;
}

endpoint::endpoint(const std::string& address, std::uint16_t port) {
  boost::system::error_code error;
  const auto parsed = boost::asio::ip::make_address(address, error);
  if (error) throw std::invalid_argument("nakh: '" + address + "' is no internet address; a name is looked up by net::resolve");
  if (parsed.is_v4()) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(port);
    in.sin_addr.s_addr = htonl(parsed.to_v4().to_uint());
    *this = of_sockaddr(&in, sizeof in);
  } else {
    sockaddr_in6 in{};
    in.sin6_family = AF_INET6;
    in.sin6_port = htons(port);
    const auto bytes = parsed.to_v6().to_bytes();
    std::memcpy(&in.sin6_addr, bytes.data(), bytes.size());
    in.sin6_scope_id = static_cast<std::uint32_t>(parsed.to_v6().scope_id());
    *this = of_sockaddr(&in, sizeof in);
  }
}

endpoint endpoint::of_path(std::string_view path) {
  sockaddr_un un{};
  un.sun_family = AF_UNIX;
  // A path's zero byte at its end is part of the address; an abstract name has none.
  if (path.size() >= sizeof un.sun_path)
    throw std::invalid_argument("nakh: the path of a Unix socket has " + std::to_string(path.size()) + " bytes; it may have " +
                                std::to_string(sizeof un.sun_path - 1));
  std::memcpy(un.sun_path, path.data(), path.size());
  const bool is_abstract = !path.empty() && path.front() == '\0';
  return of_sockaddr(&un, path_begins + path.size() + (is_abstract ? 0 : 1));
}

endpoint::kind endpoint::family() const noexcept {
  if (size_ < sizeof(sa_family_t)) return kind::none;
  switch (as<sockaddr>(*this).sa_family) {
    case AF_INET:
      return kind::ipv4;
    case AF_INET6:
      return kind::ipv6;
    case AF_UNIX:
      return kind::unix_path;
    default:
      return kind::other;
  }
}

std::string endpoint::address() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (family() == kind::ipv4) {
    const auto in = as<sockaddr_in>(*this);
    return ::inet_ntop(AF_INET, &in.sin_addr, text.data(), text.size());
  }
  if (family() != kind::ipv6) return {};
  const auto in = as<sockaddr_in6>(*this);
  std::string whole = ::inet_ntop(AF_INET6, &in.sin6_addr, text.data(), text.size());
  if (in.sin6_scope_id != 0) {
    std::array<char, IF_NAMESIZE> name{};
    whole += '%';
    whole += ::if_indextoname(in.sin6_scope_id, name.data()) != nullptr ? std::string(name.data()) : std::to_string(in.sin6_scope_id);
  }
  return whole;
}

std::uint16_t endpoint::port() const noexcept {
  if (family() == kind::ipv4) return ntohs(as<sockaddr_in>(*this).sin_port);
  if (family() == kind::ipv6) return ntohs(as<sockaddr_in6>(*this).sin6_port);
  return 0;
}

std::string_view endpoint::path() const noexcept {
  if (family() != kind::unix_path || size_ <= path_begins) return {};
  const char* const text = reinterpret_cast<const char*>(bytes_) + path_begins;
  const std::size_t room = size_ - path_begins;
  return {text, text[0] == '\0' ? room : ::strnlen(text, room)};
}

std::string endpoint::to_string() const {
  switch (family()) {
    case kind::ipv4:
      return address() + ':' + std::to_string(port());
    case kind::ipv6:
      return '[' + address() + "]:" + std::to_string(port());
    case kind::unix_path:
      return path().empty() ? "none" : std::string(path());
    default:
      return "none";
  }
}

bool operator==(const endpoint& a, const endpoint& b) noexcept {
  return a.size_ == b.size_ && std::memcmp(a.bytes_, b.bytes_, a.size_) == 0;
}

}  // namespace nakh::net
