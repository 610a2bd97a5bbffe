// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <nakh/config.hpp>

#include <cstdint>

namespace nakh::detail {

struct await_layout;
struct loop_core;
struct saved_frame;

/// Where a debugger finds the tasks: offsets in bytes, so that it needs neither debug information nor the compiler's layout
/// rules. share/gdb/nakh-gdb.py reads it, by the order of these members, each of which is one word: a change gets a new
/// version there and here.
struct debugger_view {
  static debugger_view make() noexcept;

  std::uint64_t version;
  loop_core* const* first_loop;
  const await_layout* await;
  const saved_frame* saved;
  const int* registers;  ///< Whose places stand in `saved`, by their DWARF numbers.
  std::uint64_t register_count;
  std::uint64_t saved_resume, saved_size;  ///< In `saved`, as all that follows in what its name begins with.
  std::uint64_t loop_next, loop_tasks, loop_thread, loop_current, loop_coroutine;
  std::uint64_t task_link, task_routine, task_label, task_where, task_state, task_kind, task_op, task_stack_top, task_stack_pointer,
      task_future;
  std::uint64_t coroutine_kinds;   ///< A task whose kind is this or more is a coroutine's (one more: not begun): it has no stack,
  std::uint64_t coroutine_future;  ///< and its future at this distance.
  std::uint64_t op_kind, kind_what;
  std::uint64_t task_side, side_below, side_stack_top, side_caller;  ///< The stacks of generators that a task is in.
  std::uint64_t is_libstdcxx;                                        ///< Whose std::string a name is.
};

}  // namespace nakh::detail

/// Found by this name.
extern "C" NAKH_API const nakh::detail::debugger_view nakh_debugger_view;
