// SPDX-License-Identifier: BSL-1.0
#pragma once

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

struct coroutine;
struct fiber;
struct routine;

/// What a scheduler asks of the tasks whose routines it runs. The functions never throw.
struct routine_owner {
  /// Runs the body to its end, on the fiber's own stack.
  void (*run)(fiber&) noexcept;
  /// The body cannot begin: there is no stack, for this reason.
  void (*refuse)(fiber&, std::exception_ptr) noexcept;
  /// The body was cancelled before it began. The coroutine is no longer referred to; may free it.
  void (*discard)(coroutine&) noexcept;
  /// The same when the body has run to its end.
  void (*finish)(coroutine&) noexcept;
  /// A fiber has ended, or a waker is gone, and no longer refers to the routine; may free it.
  void (*release)(routine&) noexcept;
  void (*add_ref)(routine&) noexcept;
  /// Why it was cancelled last.
  shared_text (*cancel_reason)(const routine&) noexcept;
  /// Of an `asking_coroutine` that has been woken: true, and it has begun to wait again; false, and it is a `coroutine`.
  bool (*waits_on)(coroutine&) noexcept;
  /// Writes its name as a C string of at most `size` bytes; in a signal handler.
  void (*write_name)(const routine&, char* text, std::size_t size) noexcept;
};

enum class routine_state : unsigned char {
  ready,     ///< Runs, or is in the ready queue: not begun, woken, or yielding.
  parked,    ///< Waits for an `unpark`.
  finished,  ///< Its body has ended.
};

/// What a routine's turns do not touch. Stands in front, so that what they do touch is one cache line.
struct routine_data {
  variable_slot variables;  ///< Its context.
};

[[nodiscard]] inline bool is_coroutine(const ready_node& n) noexcept { return n.kind >= ready_kind::coroutine; }

/// What takes turns in a scheduler, waits and is cancelled: a fiber, or a coroutine with those that it awaits.
struct routine : routine_data, ready_node {
  explicit routine(ready_kind k) noexcept : ready_node(k) {}

  [[nodiscard]] bool is_coroutine() const noexcept { return detail::is_coroutine(*this); }
  [[nodiscard]] bool has_begun() const noexcept { return kind != ready_kind::new_fiber && kind != ready_kind::new_coroutine; }

  routine_state state = routine_state::ready;
  bool cancel_pending = false;   ///< A cancellation was requested and could not yet be delivered.
  std::uint8_t stack_class = 0;  ///< Of a fiber: the size of the stack that it has or will have.
  std::uint32_t epoch = 0;       ///< Counts its parks: a late waker carries an older one.
};

/// Whether it is a `routine`, of whichever kind.
[[nodiscard]] inline bool is_routine(const ready_node& n) noexcept { return n.kind != ready_kind::hook && n.kind != ready_kind::call; }

}  // namespace nakh::detail
