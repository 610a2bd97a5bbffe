// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>
#include <nakh/stackless/task.hpp>
#include <nakh/tls.hpp>

#include <cstdint>
#include <string>

// nakh/tls.hpp for coroutines. A server takes connections by `stackless::start_server`, and each begins with `start_tls`.
/// @file
/// `nakh/tls.hpp` for coroutines.
/// @par Thread safety  The loop's thread only.
namespace nakh::stackless {

/// `co_await` it: as `tls::start_tls`, which it calls in a fiber.
[[nodiscard("co_await it")]] NAKH_API task<net::stream> start_tls(net::stream plain, tls::context c, std::string host = {},
                                                                  delay limit = tls::handshake_limit);
/// `co_await` it: as `tls::open_connection`, which it calls in a fiber.
[[nodiscard("co_await it")]] NAKH_API task<net::stream> open_connection(std::string host, std::uint16_t port, tls::context c,
                                                                        net::connect_options options = {});

}  // namespace nakh::stackless
