// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "fiber.hpp"

#include <nakh/detail/state.hpp>

namespace nakh::detail {

/// The future in whose await `f` is parked; null when it runs or waits for something else.
future_state* awaited_by(const fiber& f) noexcept;

}  // namespace nakh::detail
