// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>
#include <nakh/net/connect.hpp>
#include <nakh/net/server.hpp>
#include <nakh/net/stream.hpp>
#include <nakh/time.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>

struct ssl_ctx_st;

/// @file
/// TLS 1.2 and 1.3 over streams, by OpenSSL: the library `nakh::tls`.
/// @par Thread safety  The loop's thread only.
namespace nakh::tls {

/// Why a peer is not believed, or not understood. What else OpenSSL finds wrong is an error of its own category, "asio.ssl".
enum class errc {
  untrusted_certificate = 1,  ///< Nobody that is trusted vouches for it.
  expired_certificate,        ///< Or one that is not valid yet.
  wrong_host,                 ///< It is valid, for another name.
  truncated,                  ///< The connection ended without a farewell: somebody may have cut it off.
};
/// The category of `errc`.
/// @par Thread safety  Any thread.
[[nodiscard]] NAKH_API const std::error_category& error_category() noexcept;
/// An `errc` as a `std::error_code`.
/// @par Thread safety  Any thread.
[[nodiscard]] inline std::error_code make_error_code(errc e) noexcept { return {static_cast<int>(e), error_category()}; }

/// Keys, certificates and whom to trust. Copies share them; change one before its first connection.
/// @par Thread safety  Distinct contexts are independent; one may be used by several threads once it is not changed any more.
class NAKH_API context {
 public:
  /// For a client: trusts whom the system trusts, and demands a certificate for the name that was connected to.
  /// @throws std::system_error
  [[nodiscard]] static context client();
  /// For a server: its certificate, with those above it behind, and its key, both as PEM text.
  /// @throws std::system_error  when they are no such, or do not belong together
  [[nodiscard]] static context server(const std::string& certificate_chain, const std::string& key);

  /// Trusts those who signed with these certificates too, PEM text. @throws std::system_error
  context& trust(const std::string& certificates);
  /// Trusts everybody: who listens on the way may pretend to be the peer. For tests.
  context& trust_anybody() noexcept;

  /// Whether it was made for a server.
  [[nodiscard]] bool is_server() const noexcept { return is_server_; }
  /// For what is not here, by OpenSSL's own functions: an SSL_CTX.
  [[nodiscard]] ssl_ctx_st* native() const noexcept { return context_.get(); }

 private:
  context(std::shared_ptr<ssl_ctx_st> c, bool is_server) noexcept : context_(std::move(c)), is_server_(is_server) {}
  std::shared_ptr<ssl_ctx_st> context_;
  bool is_server_;
};

/// How long a peer may take over a handshake, all of it.
inline constexpr duration handshake_limit = std::chrono::seconds(60);

/// From here on `plain` speaks TLS: as a client, whose peer must be `host`, or as a server, by the kind of context. What comes back
/// takes the place of `plain`, which is none afterwards (STARTTLS).
/// @throws std::system_error  `tls::errc`, what OpenSSL finds wrong, or what the connection failed with; the connection is closed
/// @throws timeout_error      when the handshake takes longer than `limit`
/// @throws cancelled_error
/// @throws usage_error        when there are bytes that were not read, which somebody may have slipped in, or not sent
/// @par Source  asyncio's loop.start_tls (CPython 3.14).
[[nodiscard]] NAKH_API net::stream start_tls(net::stream plain, const context& c, const std::string& host = {},
                                             delay limit = handshake_limit);

/// As `net::open_connection`, by TLS. @throws as that, and as `start_tls`
/// @par Source         asyncio.open_connection(ssl=...) (CPython 3.14).
[[nodiscard]] NAKH_API net::stream open_connection(const std::string& host, std::uint16_t port, const context& c = context::client(),
                                                   const net::connect_options& options = {});

/// As `net::start_server`, by TLS. A client that fails in the handshake is an error in its own task.
/// @par Source         asyncio.start_server(ssl=...) (CPython 3.14).
template <detail::connection_handler F>
[[nodiscard("without it the server is closed at once")]] net::server start_server(F&& handler, const std::string& host, std::uint16_t port,
                                                                                  const context& c,
                                                                                  const net::server_options& options = {}) {
  return net::start_server(
      [f = std::forward<F>(handler), c](net::stream plain) mutable {
        net::stream s = start_tls(std::move(plain), c);
        if constexpr (std::invocable<std::decay_t<F>&, net::stream>) {
          f(std::move(s));
        } else {
          f(s);
        }
      },
      host, port, options);
}

}  // namespace nakh::tls

template <>
struct std::is_error_code_enum<nakh::tls::errc> : std::true_type {};
