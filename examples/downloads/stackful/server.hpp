// SPDX-License-Identifier: BSL-1.0
#pragma once
#include "../common/options.hpp"
#include "../common/shelf.hpp"

#include <nakh/net.hpp>

namespace downloads::stackful {

/// Serves the files to whoever connects, each in a fiber. Both arguments must last as long as it does.
/// @throws std::system_error
[[nodiscard]] nakh::net::server start_file_server(shelf& files,
                                                  const serve_options& options);

}  // namespace downloads::stackful
