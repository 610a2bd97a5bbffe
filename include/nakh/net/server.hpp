// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>
#include <nakh/net/endpoint.hpp>
#include <nakh/net/stream.hpp>
#include <nakh/task.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

/// @file
/// Servers: a task for each connection.
/// @par Thread safety  The loop's thread only.
namespace nakh {

namespace net {

/// Settings of a server.
struct server_options {
  /// Limits of its connections' streams.
  stream_options stream{};
  /// Connections that the system keeps for the server until it takes them.
  int backlog = 100;
  /// Connections that may be open at the same time; more wait in the backlog. None: as many as 7 of 8 descriptors that the process
  /// may have (`ulimit -n`).
  std::optional<std::size_t> max_connections = std::nullopt;
  /// An address whose earlier owner has gone can be taken at once (SO_REUSEADDR).
  bool reuse_address = true;
  /// Several servers may have one address, and the system deals the connections out: one loop a processor (SO_REUSEPORT).
  bool reuse_port = false;
  /// Otherwise it only listens until `start_serving`.
  bool start_serving = true;
};

}  // namespace net

namespace detail {

class server_core;
NAKH_API void add_ref(server_core& s) noexcept;
NAKH_API void release(server_core& s) noexcept;

/// Begins a task for a connection.
using connection_starter = std::function<task<>(net::stream)>;

[[nodiscard]] NAKH_API server_core* open_server(const std::string& host, std::uint16_t port, const net::server_options& options,
                                                connection_starter start);
[[nodiscard]] NAKH_API server_core* open_server(const net::endpoint& at, const net::server_options& options, connection_starter start);

template <class F>
concept connection_handler = std::invocable<F&, net::stream> || std::invocable<F&, net::stream&>;

template <connection_handler F>
connection_starter start_in_fiber(F&& f) {
  using handler = std::decay_t<F>;
  return [shared = std::make_shared<handler>(std::forward<F>(f))](net::stream s) {
    return async([shared, given = std::move(s)]() mutable {
      net::stream own = std::move(given);  // which ends with the handler, not with the task's memory
      if constexpr (std::invocable<handler&, net::stream>) {
        static_cast<void>((*shared)(std::move(own)));
      } else {
        static_cast<void>((*shared)(own));
      }
    });
  };
}

}  // namespace detail

namespace net {

/// Listens, and begins a task for each connection.
///
/// What a handler throws goes to the loop's exception handler; its connection is closed, and the server goes on. When a handler is
/// cancelled, its connection is closed without a report (T-srv-01). When the process is out of descriptors or memory, that is
/// reported, and the server tries again after a second.
/// @par Thread safety  The loop's thread only.
/// @par Source         asyncio.Server (CPython 3.14). Differs: a connection is closed when its handler returns, unless that has
///                     moved the stream elsewhere.
class NAKH_API server {
 public:
  server() noexcept = default;
  server(server&& other) noexcept : core_(std::exchange(other.core_, nullptr)) {}
  server& operator=(server&& other) noexcept;
  /// As `close`.
  ~server();

  /// Where it listens; nothing when it is closed.
  [[nodiscard]] std::vector<endpoint> endpoints() const;
  /// Whether it takes connections.
  [[nodiscard]] bool is_serving() const noexcept;
  /// Takes connections from now on, those included that wait in the backlog.
  /// @throws usage_error  when it is closed
  void start_serving();
  /// Takes connections until the task is cancelled, or the server closed; then closes it, and waits until its connections are gone.
  /// @throws cancelled_error  in both cases (T-srv-03)
  /// @throws usage_error      when it is closed already, or another task is in here
  void serve_forever();
  /// Listens no more. Its connections live on (T-srv-02).
  void close() noexcept;
  /// Waits until it is closed and all its connections are gone (T-srv-04). @throws cancelled_error
  void wait_closed();
  /// Closes all its connections (`stream::close`).
  void close_clients() noexcept;
  /// Ends all its connections at once (`stream::abort`).
  void abort_clients() noexcept;
  /// How many connections it has.
  [[nodiscard]] std::size_t connections() const noexcept;

  /// For the library.
  explicit server(detail::server_core* adopted) noexcept : core_(adopted) {}

 private:
  [[nodiscard]] detail::server_core& core() const;
  detail::server_core* core_ = nullptr;
};

/// Listens at all addresses of `host`, which may be empty: all of the machine's. With port 0 the system chooses one for each.
/// `handler(stream)` or `handler(stream&)` is called in a task of its own for each connection.
/// @throws std::system_error  when the name has no address, or one of them cannot be listened at
/// @throws cancelled_error    when the task is cancelled while the name is looked up
/// @par Source  asyncio.start_server (CPython 3.14).
template <detail::connection_handler F>
[[nodiscard("without it the server is closed at once")]] server start_server(F&& handler, const std::string& host, std::uint16_t port,
                                                                             const server_options& options = {}) {
  return server(detail::open_server(host, port, options, detail::start_in_fiber(std::forward<F>(handler))));
}
/// The same at one address.
template <detail::connection_handler F>
[[nodiscard("without it the server is closed at once")]] server start_server(F&& handler, const endpoint& at,
                                                                             const server_options& options = {}) {
  return server(detail::open_server(at, options, detail::start_in_fiber(std::forward<F>(handler))));
}
/// The same at a Unix socket. One that an earlier server has left at that path is replaced, and `close` removes it.
/// @throws std::invalid_argument  when the path is too long
/// @par Source  asyncio.start_unix_server.
template <detail::connection_handler F>
[[nodiscard("without it the server is closed at once")]] server start_unix_server(F&& handler, const std::string& path,
                                                                                  const server_options& options = {}) {
  return start_server(std::forward<F>(handler), endpoint::of_path(path), options);
}

}  // namespace net

}  // namespace nakh
