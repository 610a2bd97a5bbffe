// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <memory>

#include "channel.hpp"
#include "sockets.hpp"

namespace nakh::detail {

/// Both ends are closed in children, unless they are given to one.
struct pipe_ends {
  owned_descriptor reading;
  owned_descriptor writing;
};
/// @throws std::system_error
[[nodiscard]] pipe_ends make_pipe();

/// A stream's side of a pipe, which can be read from or written to.
[[nodiscard]] std::unique_ptr<channel> make_pipe_reader(owned_descriptor reading);
[[nodiscard]] std::unique_ptr<channel> make_pipe_writer(owned_descriptor writing);

}  // namespace nakh::detail
