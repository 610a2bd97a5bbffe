// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>
#include <nakh/stackless/task.hpp>
#include <nakh/subprocess.hpp>

#include <string>

namespace nakh::stackless {

/// `co_await` them: as `subprocess::wait` and `subprocess::communicate`. The child must last until they have ended.
[[nodiscard("co_await it")]] NAKH_API task<int> wait(subprocess& child);
[[nodiscard("co_await it")]] NAKH_API task<subprocess::outputs> communicate(subprocess& child, std::string input = {});

}  // namespace nakh::stackless
