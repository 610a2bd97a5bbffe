// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "context.hpp"
#include "routine.hpp"
#include "stack_pool.hpp"

#include <cstddef>
#include <cstdint>

namespace nakh::detail {

/// A stack that a fiber runs on for a while instead of its own: a generator's.
struct side_stack {
  context own;     ///< Of this stack, while nobody runs on it.
  context caller;  ///< Of the stack that was left for this one.
  stack memory;
  side_stack* below = nullptr;  ///< What the fiber ran on before; null: on its own stack.
};

/// The control block of a fiber: a stack being run, how it is suspended, and its pending cancellation.
struct fiber : routine {
  explicit fiber(unsigned int stack_size_class) noexcept : routine(ready_kind::new_fiber) {
    stack_class = static_cast<std::uint8_t>(stack_size_class);
  }

  [[nodiscard]] stack own_stack() const noexcept { return {stack_top, stack_class}; }
  /// The one that it runs on now.
  [[nodiscard]] stack present_stack() const noexcept { return side != nullptr ? side->memory : own_stack(); }

  context ctx;                     // what a switch touches, in one cache line with the place in the ready queue
  std::byte* stack_top = nullptr;  ///< Null until it begins.
  side_stack* side = nullptr;      ///< What it runs on now, and `ctx` is suspended on; null: its own stack.
};

}  // namespace nakh::detail
