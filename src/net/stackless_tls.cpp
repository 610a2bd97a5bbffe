// SPDX-License-Identifier: BSL-1.0
#include <nakh/stackless/tls.hpp>

#include <nakh/task.hpp>

#include <utility>

namespace nakh::stackless {

task<net::stream> start_tls(net::stream plain, tls::context c, std::string host, delay limit) {
  co_return co_await nakh::async([&] { return tls::start_tls(std::move(plain), c, host, limit); });
}

task<net::stream> open_connection(std::string host, std::uint16_t port, tls::context c, net::connect_options options) {
  co_return co_await nakh::async([&] { return tls::open_connection(host, port, c, options); });
}

}  // namespace nakh::stackless
