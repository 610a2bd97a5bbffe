// SPDX-License-Identifier: BSL-1.0
#include <nakh/detail/wait_queue.hpp>

#include "loop_core.hpp"

#include <nakh/error.hpp>

#include <string>

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

wait_queue::~wait_queue() {
  for (link* l = line_.next; l != &line_; l = l->next) {
    auto& p = static_cast<place&>(*l);
    p.queue = nullptr;
    p.abandoned = true;
  }
}

void wait_queue::leave(place& p) noexcept {
  if (asleep_ == &p) asleep_ = p.next;
  p.prev->next = p.next;
  p.next->prev = p.prev;
  p.queue = nullptr;
}

void wait_queue::require_task() const {
  if (this_scheduler == nullptr || this_scheduler->current() == nullptr) {
    throw usage_error(std::string("nakh: only a task can wait for a ") + what_ +
                      ", and this is none; wrap the code in nakh::async, or in nakh::run at the top");
  }
  if (loop_ != nullptr && loop_ != this_loop && !empty()) {
    throw usage_error(std::string("nakh: tasks of another loop wait for this ") + what_ + "; give each loop its own");
  }
}

wait_queue::ending wait_queue::wait() {
  require_task();
  loop_ = this_loop;
  place p(*this, *this_scheduler, *this_scheduler->current());
  try {
    this_scheduler->park(p);
  } catch (const cancelled_error&) {
    p.cancelled = true;
  }
  if (p.abandoned) return ending::abandoned;
  if (p.queue != nullptr) leave(p);
  if (!p.cancelled) return ending::woken;
  return p.woken ? ending::woken_then_cancelled : ending::cancelled;
}

bool wait_queue::wake_one() noexcept {
  if (asleep_ == &line_) return false;
  auto& p = static_cast<place&>(*asleep_);
  asleep_ = p.next;
  p.woken = true;
  p.sched.unpark(p.waiting);
  return true;
}

void wait_queue::wake_first() noexcept {
  if (asleep_ == line_.next) wake_one();
}

std::size_t wait_queue::wake(std::size_t most) noexcept {
  std::size_t woken = 0;
  while (woken < most && wake_one()) ++woken;
  return woken;
}

}  // namespace nakh::detail
