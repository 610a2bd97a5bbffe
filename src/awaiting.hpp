// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "routine.hpp"

#include <nakh/detail/state.hpp>
#include <nakh/detail/wait_queue.hpp>
#include <nakh/time.hpp>

#include <cstdint>
#include <optional>
#include <vector>

namespace nakh::detail {

/// How a debugger knows a task that awaits a future, and where it finds that.
struct await_layout {
  const lowlevel::wait_kind* kind;  ///< What such a wait has there, and no other.
  std::uint64_t awaited;            ///< Of the pointer to the future, in bytes.
};
extern const await_layout layout_of_await;

/// What `routine_owner::waits_on` asks: only waits in line are begun again.
bool waits_on(coroutine& c) noexcept;

/// The future in whose await `r` is parked; null when it runs or waits for something else.
future_state* awaited_by(const routine& r) noexcept;

/// What a task waits for, as dumps and traces say it.
struct wait_description {
  const char* what;                 ///< As a word: "sleep", "task", "mutex".
  std::optional<time_point> until;  ///< Of a sleep.
  const void* at;                   ///< The future or the line that it stands in; null when it is neither.
};
wait_description describe_wait(const task_core& parked) noexcept;
/// The tasks that have to end first, each once: also those behind a gather. @throws std::bad_alloc
std::vector<task_core*> awaited_tasks(const task_core& parked);

/// Until when `r` sleeps, if that is what it does.
std::optional<time_point> sleeps_until(const routine& r) noexcept;

/// Shows the unfinished members of the task group at whose end `line` is, if it is a group's.
void for_each_member(const wait_queue& line, future_visitor& visit);

/// Interrupts `r` itself, whatever it awaits: `cancelled_error` where it waits, without a request to what it waits for.
void interrupt(routine& r) noexcept;

}  // namespace nakh::detail
