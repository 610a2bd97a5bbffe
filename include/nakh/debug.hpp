// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>
#include <nakh/loop.hpp>
#include <nakh/source_location.hpp>
#include <nakh/task_graph.hpp>
#include <nakh/time.hpp>

#include <string>
#include <vector>

/// @file
/// What debug mode tells: see `event_loop::set_debug`, `loop_options::debug`, and `NAKH_DEBUG` in the environment.
///
/// In debug mode each step of a task costs some hundred nanoseconds more, and a report with its stack some ten milliseconds, which
/// count for no step.
///
/// `NAKH_TRACE=FILE` in the environment writes who ran when, and who waited for what, into a file: one event a line, in JSON, for each
/// loop of the process. `time` is in nanoseconds since the loop was made, on its own clock; `pass` counts the loop's turns. `event` is
/// one of
/// - `created`: with the place (`at`) and the doer (`by`): a task's number, "callback", "loop" or "outside";
/// - `run`: the task has its turn; `yield`: it gives others one;
/// - `wait`: with what it waits for (`for`: "sleep", "task", "gather", "mutex", ...) unless it was woken within the same turn, `until`
///   when it sleeps, a number for the `object`, and the `tasks` that have to end first;
/// - `wake`: it will have a turn, with the doer (`by`), and `cancelled` when that is because it was cancelled;
/// - `done`, `failed` (with the `error`), `cancelled`.
///
/// Tasks are numbered by the trace (`task`) and have their `name`. A program that is traced gets slower; what it does is the same.
namespace nakh {

/// A callback, or one step of a task, that held its loop for too long: nothing else ran meanwhile. Time that a task waits
/// is no part of it (T-dbg-05, T-dbg-06).
struct slow_callback {
  std::string message{};             ///< ``Executing <Task 'reader' created at main.cpp:12> took 0.123 seconds``
  duration took{};                   ///< In the machine's time.
  std::string source{};              ///< The task's name; empty for a callback.
  source_location where{};           ///< Where the task or callback was created; line 0 when unknown.
  std::vector<stack_entry> stack{};  ///< Where it was when `slow_callback_duration` was over, innermost call first.
  std::string no_stack{};            ///< Why there is no stack, as half a sentence; empty when there is one.
};

/// The report as it is printed, with its stack; several lines, each ended.
/// @throws std::bad_alloc
/// @par Suspends       Never.
/// @par Thread safety  Any thread.
/// @par Source         asyncio's warning "Executing ... took ... seconds" (CPython 3.14). Differs: the stack.
[[nodiscard]] NAKH_API std::string format_slow_callback(const slow_callback& slow);

}  // namespace nakh
