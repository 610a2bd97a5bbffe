// SPDX-License-Identifier: BSL-1.0
#pragma once
#include "../common/options.hpp"
#include "../common/progress.hpp"
#include "../common/tally.hpp"

#include <nakh/stackless.hpp>

namespace downloads::stackless {

/// Gets the files, some at a time. A file that fails is reported and counted, and the others go on.
/// @throws nakh::cancelled_error  when the task is cancelled: parts are kept, and counted too
[[nodiscard]] nakh::stackless::task<> get_all(const get_options& options,
                                              progress& shown, tally& count);

}  // namespace downloads::stackless
