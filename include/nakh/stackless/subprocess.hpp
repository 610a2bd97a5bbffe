// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>
#include <nakh/stackless/task.hpp>
#include <nakh/subprocess.hpp>

#include <string>

// nakh/subprocess.hpp for coroutines.
/// @file
/// `nakh/subprocess.hpp` for coroutines.
/// @par Thread safety  The loop's thread only.
namespace nakh::stackless {

/// `co_await` them: as `subprocess::wait` and `subprocess::communicate`. `create_subprocess` never waits: there is one for both.
[[nodiscard("co_await it")]] NAKH_API task<int> wait(subprocess& p);
/// As `subprocess::communicate`.
[[nodiscard("co_await it")]] NAKH_API task<subprocess_output> communicate(subprocess& p, std::string input = {});

}  // namespace nakh::stackless
