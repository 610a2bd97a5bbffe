// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "routine.hpp"

#include <coroutine>

namespace nakh::detail {

/// The control block of a coroutine that is a task's body. It runs, with those that it awaits, on the loop's stack.
struct coroutine : routine {
  explicit coroutine(std::coroutine_handle<> begin) noexcept : routine(ready_kind::new_coroutine), innermost(begin) {}

  std::coroutine_handle<> innermost;  ///< The one that is suspended, and goes on at the next turn.
  /// Asked before it goes on, when it has waited: true, and it has begun to wait again. Null: never does.
  bool (*waits_on)(lowlevel::wait_op&) noexcept = nullptr;
};

}  // namespace nakh::detail
