// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "fiber.hpp"

#include <nakh/detail/state.hpp>

namespace nakh::detail {

/// The future in whose await `f` is parked; null when it runs or waits for something else.
future_state* awaited_by(const fiber& f) noexcept;

/// Interrupts `f` itself, whatever it awaits: `cancelled_error` where it waits, without a request to what it waits for.
void interrupt(fiber& f) noexcept;

}  // namespace nakh::detail
