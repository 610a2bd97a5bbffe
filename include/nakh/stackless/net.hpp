// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>
#include <nakh/net.hpp>
#include <nakh/stackless/task.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

/// @file
/// `nakh/net.hpp` for coroutines: the same streams and servers, and other ways to wait for them. A stream must last until what is
/// awaited here has ended; so must the separators.
/// @par Thread safety  The loop's thread only.
namespace nakh {

namespace stackless {

/// `co_await` them: as `stream::read`, `read_all`, `read_exactly`, `read_until`, `read_line`, `drain`, `wait_closed`.
[[nodiscard("co_await it")]] NAKH_API task<std::string> read(net::stream& s, std::size_t most);
/// As `stream::read_all`.
[[nodiscard("co_await it")]] NAKH_API task<std::string> read_all(net::stream& s);
/// As `stream::read_exactly`.
[[nodiscard("co_await it")]] NAKH_API task<std::string> read_exactly(net::stream& s, std::size_t size);
/// As `stream::read_until`.
[[nodiscard("co_await it")]] NAKH_API task<std::string> read_until(net::stream& s, std::string_view separator);
/// As `stream::read_line`.
[[nodiscard("co_await it")]] NAKH_API task<std::string> read_line(net::stream& s);
/// As `stream::drain`.
[[nodiscard("co_await it")]] NAKH_API task<> drain(net::stream& s);
/// As `stream::wait_closed`.
[[nodiscard("co_await it")]] NAKH_API task<> wait_closed(net::stream& s);

/// `co_await` it: as `net::open_connection`, which it calls in a fiber.
[[nodiscard("co_await it")]] NAKH_API task<net::stream> open_connection(std::string host, std::uint16_t port,
                                                                        net::connect_options options = {});
[[nodiscard("co_await it")]] NAKH_API task<net::stream> open_connection(net::endpoint to, net::connect_options options = {});

/// `co_await` them: as `server::serve_forever` and `server::wait_closed`.
[[nodiscard("co_await it")]] NAKH_API task<> serve_forever(net::server& s);
[[nodiscard("co_await it")]] NAKH_API task<> wait_closed(net::server& s);

}  // namespace stackless

namespace detail {

template <class F>
concept coroutine_connection_handler = requires(F& f, net::stream s) {
  { f(std::move(s)) } -> std::same_as<stackless::task<>>;
};

template <class F>
connection_starter start_as_coroutine(F&& f) {
  return [shared = std::make_shared<std::decay_t<F>>(std::forward<F>(f))](net::stream s) {
    nakh::task<> t = stackless::spawn((*shared)(std::move(s)));
    t.add_done_callback([shared] {});  // what the coroutine captured lasts as long as it does
    return t;
  };
}

}  // namespace detail

namespace stackless {

/// As `net::start_server`, with a coroutine for each connection: `handler(net::stream) -> stackless::task<>`, which owns the stream.
template <detail::coroutine_connection_handler F>
[[nodiscard("without it the server is closed at once")]] net::server start_server(F&& handler, const net::endpoint& at,
                                                                                  const net::server_options& options = {}) {
  return net::server(detail::open_server(at, options, detail::start_as_coroutine(std::forward<F>(handler))));
}

}  // namespace stackless

}  // namespace nakh
