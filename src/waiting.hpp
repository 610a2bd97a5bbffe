// SPDX-License-Identifier: BSL-1.0
#pragma once

// Waiting in a queue, inline for the reason that switching.hpp gives.

#include "loop_core.hpp"
#include "switching.hpp"

#include <nakh/detail/wait_queue.hpp>

namespace nakh::detail {

inline wait_queue::place::place(wait_queue& q, scheduler& s, routine& r) noexcept : link{}, sched(s), waiting(r) {
  enter(q);
  kind = q.kind_;
}

inline void wait_queue::place::enter(wait_queue& q) noexcept {
  queue = &q;
  next = &q.line_;
  prev = q.line_.prev;
  prev->next = this;
  next->prev = this;
  if (q.asleep_ == &q.line_) q.asleep_ = this;
}

inline wait_queue::ending wait_queue::place::end() noexcept {
  if (abandoned) return woken && !cancelled ? ending::woken_then_destroyed : ending::abandoned;
  if (queue != nullptr) queue->leave(*this);
  if (!cancelled) return ending::woken;
  return woken ? ending::woken_then_cancelled : ending::cancelled;
}

inline bool wait_queue::is_of_another_loop() const noexcept { return loop_ != this_loop && loop_ != nullptr; }

inline void wait_queue::require_task() const {
  if (this_scheduler == nullptr || this_scheduler->current_routine() == nullptr || is_of_another_loop()) [[unlikely]]
    check_task();
}

inline void wait_queue::require_fiber() const {
  if (this_scheduler == nullptr || this_scheduler->current() == nullptr || is_of_another_loop()) [[unlikely]]
    check_fiber();
}

[[gnu::always_inline]] inline wait_queue::ending wait_queue::wait() {
  require_fiber();
  loop_ = this_loop;
  place p(*this, *this_scheduler, *this_scheduler->current());
  try {
    this_scheduler->park(p);
  } catch (const cancelled_error&) {
    p.cancelled = true;
  }
  return p.end();
}

}  // namespace nakh::detail
