// SPDX-License-Identifier: BSL-1.0
#pragma once

// Waiting in a queue, inline for the reason that switching.hpp gives.

#include "loop_core.hpp"
#include "switching.hpp"

#include <nakh/detail/wait_queue.hpp>

namespace nakh::detail {

struct wait_queue::place : link, lowlevel::wait_op {
  place(wait_queue& q, scheduler& s, fiber& f) noexcept : link{&q.line_, q.line_.prev}, queue(&q), sched(s), waiting(f) {
    prev->next = this;
    next->prev = this;
    if (q.asleep_ == &q.line_) q.asleep_ = this;
    abort = &give_up;
    what = q.what_;
  }
  static bool give_up(wait_op& self) noexcept {
    auto& p = static_cast<place&>(self);
    p.cancelled = true;
    if (p.queue != nullptr) p.queue->leave(p);
    p.sched.unpark(p.waiting);
    return true;
  }

  wait_queue* queue;  ///< Null once this place is not in line any more, or the queue is gone.
  scheduler& sched;
  fiber& waiting;
  bool woken = false;
  bool cancelled = false;
  bool abandoned = false;
};

[[gnu::always_inline]] inline wait_queue::ending wait_queue::wait() {
  require_task();
  loop_ = this_loop;
  place p(*this, *this_scheduler, *this_scheduler->current());
  try {
    this_scheduler->park(p);
  } catch (const cancelled_error&) {
    p.cancelled = true;
  }
  if (p.abandoned) return p.woken && !p.cancelled ? ending::woken_then_destroyed : ending::abandoned;
  if (p.queue != nullptr) leave(p);
  if (!p.cancelled) return ending::woken;
  return p.woken ? ending::woken_then_cancelled : ending::cancelled;
}

}  // namespace nakh::detail
