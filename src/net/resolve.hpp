// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/net/endpoint.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace nakh::detail {

/// The internet addresses of `host`, by getaddrinfo with `flags`, in a thread when it is a name. @throws std::system_error
[[nodiscard]] std::vector<net::endpoint> look_up_in_thread(const std::string& host, std::uint16_t port, int flags);

}  // namespace nakh::detail
