// SPDX-License-Identifier: BSL-1.0
#include <nakh/stackless/task.hpp>

#include "loop_core.hpp"
#include "switching.hpp"

#include <nakh/error.hpp>

namespace nakh::detail {

void throw_coroutine_gone() {
  throw usage_error("nakh: the coroutine was awaited, made a task or moved away before; it can be run once, so call its function again");
}

void end_without_continuation(coroutine_end& end) noexcept {
  auto& own = static_cast<root_end&>(end);
  routine& r = *own.runs_it;
  // A fiber goes on in `run`; a task is asked for the outcome at the end of this step.
  if (r.is_coroutine()) r.state = routine_state::finished;
}

end_in_fiber::end_in_fiber() : root_end(this_scheduler != nullptr ? this_scheduler->current() : nullptr) {
  if (runs_it != nullptr) return;
  throw_no_fiber("nakh: only a task can await, and this is none; wrap the code in nakh::async, or in nakh::run at the top");
}

void end_in_fiber::run(std::coroutine_handle<> begin) {
  begin.resume();
}

}  // namespace nakh::detail
