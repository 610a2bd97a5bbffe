// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>
#include <nakh/time.hpp>

#include <utility>

namespace nakh {

/// Gives every other ready task and callback one turn.
///
/// @throws cancelled_error  when the task was cancelled.
/// @throws usage_error      outside a task.
/// @par Suspends       Always, for one pass (T-sleep-01).
/// @par Thread safety  The loop's thread only.
/// @par Complexity     O(1), no allocation, no system call.
/// @par Source         asyncio.sleep(0) (CPython 3.14).
NAKH_API void yield();

/// Suspends the current task for `d`; zero or less is `yield` (T-sleep-03).
///
/// @throws cancelled_error        when the task is cancelled while it sleeps; its timer is gone then (T-sleep-04).
/// @throws std::invalid_argument  from a NaN.
/// @throws usage_error            outside a task.
/// @par Suspends       Always.
/// @par Thread safety  The loop's thread only.
/// @par Complexity     O(log timers), no allocation.
/// @par Source         asyncio.sleep (CPython 3.14).
NAKH_API void sleep(delay d);

/// Sleeps, then returns `value`.
template <class T>
T sleep(delay d, T value) {
  sleep(d);
  return value;
}

/// Suspends the current task until `deadline` on `nakh::clock`; one in the past gives one turn. Otherwise as `sleep`.
/// @par Thread safety  The loop's thread only.
NAKH_API void sleep_until(time_point deadline);

}  // namespace nakh
