// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "routine.hpp"

#include <coroutine>

namespace nakh::detail {

/// The control block of a coroutine that is a task's body. It runs, with those that it awaits, on the loop's stack.
struct coroutine : routine {
  explicit coroutine(std::coroutine_handle<> begin) noexcept : routine(ready_kind::new_coroutine), innermost(begin) {}

  union {
    std::coroutine_handle<> innermost;  ///< The one that is suspended, and goes on at the next turn.
    lowlevel::wait_op* asked;           ///< Of an `asking_coroutine`: its wait, which knows that one.
  };
};

}  // namespace nakh::detail
