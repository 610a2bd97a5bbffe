// SPDX-License-Identifier: BSL-1.0
#include <nakh/stackless/task.hpp>

#include "task_core.hpp"

#include <nakh/error.hpp>

namespace nakh::detail {

void throw_coroutine_gone() {
  throw usage_error("nakh: the coroutine was awaited, made a task or moved away before; it can be run once, so call its function again");
}

// The outcome is looked at at the end of this step.
void end_running_task() noexcept { this_scheduler->end_coroutine(); }

void note_error_of_task() noexcept {
  coroutine_task::of(*this_scheduler->current_coroutine()).state().note_error(std::current_exception());
}

end_in_fiber::end_in_fiber() {
  if (this_scheduler != nullptr && this_scheduler->current() != nullptr) return;
  throw_no_fiber("nakh: only a task can await, and this is none; wrap the code in nakh::async, or in nakh::run at the top");
}

void end_in_fiber::run(std::coroutine_handle<> begin) { begin.resume(); }

}  // namespace nakh::detail
