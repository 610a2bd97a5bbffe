// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "loop_core.hpp"

#include <memory>

namespace nakh::detail {

/// Gives back what writes the loop's events into the file that `NAKH_TRACE` names, and has `inner` for all else that is asked of a
/// debug side. `inner` itself, after a word on standard error, when the file cannot be written; and without a word, when none is named.
/// @throws std::bad_alloc
[[nodiscard]] std::unique_ptr<debug_side> traced(loop_core& loop, std::unique_ptr<debug_side> inner);

}  // namespace nakh::detail
