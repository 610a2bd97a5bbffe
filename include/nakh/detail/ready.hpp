// SPDX-License-Identifier: BSL-1.0
#pragma once

namespace nakh::lowlevel {
struct wait_op;
}

namespace nakh::detail {

/// What the ready queue holds, and who may run it.
enum class ready_kind : unsigned char {
  fiber,             ///< A suspended fiber: jumped to.
  new_fiber,         ///< A fiber without a stack yet: takes one, then as above.
  hook,              ///< A library function: short, never throws, never suspends; runs on whatever stack is at hand.
  call,              ///< A user's callback: runs on the loop's own stack.
  guest,             ///< A suspended fiber of another runtime: that one resumes it, from the loop's own stack.
  coroutine,         ///< A suspended coroutine: resumed on the loop's own stack.
  new_coroutine,     ///< One that has not begun.
  asking_coroutine,  ///< As `coroutine`, when it still has to be asked whether it is to go on: see `routine_owner::waits_on`.
};

/// A place in the ready queue. It is in at most one queue at a time, at most once.
struct ready_node {
  explicit ready_node(ready_kind k) noexcept : kind(k) {}
  ready_node(const ready_node&) = delete;
  ready_node& operator=(const ready_node&) = delete;

  [[nodiscard]] bool is_queued() const noexcept { return next != nullptr; }

  ready_node* next = nullptr;  ///< Null: in none.
  union {
    ready_node* prev = nullptr;
    lowlevel::wait_op* parked_in;  ///< Of a routine that is parked, and so in none: what it is parked in.
  };
  ready_kind kind;
};

/// A library function waiting for its turn in the ready queue; usually lives in the frame of a parked fiber.
struct hook : ready_node {
  explicit hook(void (*f)(hook&) noexcept) noexcept : ready_node(ready_kind::hook), run(f) {}
  void (*run)(hook&) noexcept;
};

}  // namespace nakh::detail
