// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "context.hpp"
#include "stack_pool.hpp"

#include <nakh/detail/ready.hpp>
#include <nakh/detail/shared_text.hpp>
#include <nakh/detail/variables.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>

namespace nakh::lowlevel {
struct wait_op;
}

namespace nakh::detail {

struct fiber;

/// What a scheduler asks of the tasks that its fibers run. The functions never throw.
struct fiber_owner {
  /// Runs the body to its end, on the fiber's own stack.
  void (*run)(fiber&) noexcept;
  /// The body cannot begin: there is no stack, for this reason.
  void (*refuse)(fiber&, std::exception_ptr) noexcept;
  /// The fiber has ended and is no longer referred to; may free it.
  void (*release)(fiber&) noexcept;
  void (*add_ref)(fiber&) noexcept;
  /// Writes its name as a C string of at most `size` bytes; in a signal handler.
  void (*write_name)(const fiber&, char* text, std::size_t size) noexcept;
};

enum class fiber_state : unsigned char {
  ready,     ///< Runs, or is in the ready queue: not begun, woken, or yielding.
  parked,    ///< Waits for an `unpark`.
  finished,  ///< Its body has ended.
};

/// A stack that a fiber runs on for a while instead of its own: a generator's.
struct side_stack {
  context own;     ///< Of this stack, while nobody runs on it.
  context caller;  ///< Of the stack that was left for this one.
  stack memory;
  side_stack* below = nullptr;  ///< What the fiber ran on before; null: on its own stack.
};

/// The control block of a fiber: a stack being run, how it is suspended, and its pending cancellation.
struct fiber : ready_node {
  explicit fiber(unsigned int stack_size_class) noexcept
      : ready_node(ready_kind::new_fiber), stack_class(static_cast<std::uint8_t>(stack_size_class)) {}

  [[nodiscard]] stack own_stack() const noexcept { return {stack_top, stack_class}; }
  /// The one that it runs on now.
  [[nodiscard]] stack present_stack() const noexcept { return side != nullptr ? side->memory : own_stack(); }

  // What a switch touches stands first, in one cache line with the place in the ready queue.
  fiber_state state = fiber_state::ready;
  bool cancel_pending = false;  ///< A cancellation was requested and could not yet be delivered.
  std::uint8_t stack_class;     ///< The size of the stack that it has or will have.
  std::uint32_t epoch = 0;      ///< Counts its parks: a late waker carries an older one.
  context ctx;
  lowlevel::wait_op* op = nullptr;  ///< What it is parked in.
  std::byte* stack_top = nullptr;   ///< Null until it begins.
  side_stack* side = nullptr;       ///< What it runs on now, and `ctx` is suspended on; null: its own stack.
  shared_text cancel_reason;
  variable_slot variables;  ///< Its context.
};

}  // namespace nakh::detail
