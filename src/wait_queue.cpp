// SPDX-License-Identifier: BSL-1.0
#include <nakh/detail/wait_queue.hpp>

#include "loop_core.hpp"
#include "waiting.hpp"

#include <nakh/error.hpp>
#include <nakh/lowlevel.hpp>

#include <string>

namespace nakh::detail {

wait_queue::~wait_queue() {
  for (link* l = line_.next; l != &line_; l = l->next) {
    auto& p = static_cast<place&>(*l);
    p.queue = nullptr;
    p.abandoned = true;
  }
}

const wait_queue* wait_queue::where_waits(const routine& r) noexcept {
  if (r.state != routine_state::parked || r.parked_in->kind->abort != &place::give_up) return nullptr;
  return static_cast<const place&>(*r.parked_in).queue;
}

bool wait_queue::place::give_up(wait_op& self) noexcept {
  auto& p = static_cast<place&>(self);
  p.cancelled = true;
  if (p.queue != nullptr) p.queue->leave(p);
  p.sched.unpark(p.waiting);
  return true;
}

void wait_queue::leave(place& p) noexcept {
  if (asleep_ == &p) asleep_ = p.next;
  p.prev->next = p.next;
  p.next->prev = p.prev;
  p.queue = nullptr;
}

void wait_queue::check_task() const {
  if (this_scheduler == nullptr || this_scheduler->current_routine() == nullptr) {
    throw usage_error(std::string("nakh: only a task can wait for a ") + what() +
                      ", and this is none; wrap the code in nakh::async, or in nakh::run at the top");
  }
  if (is_of_another_loop() && !empty()) {
    throw usage_error(std::string("nakh: tasks of another loop wait for this ") + what() + "; give each loop its own");
  }
}

void wait_queue::check_fiber() const {
  check_task();
  if (this_scheduler->current() == nullptr) throw_is_coroutine();
}

void wait_queue::throw_ended(ending how, const char* what) {
  if (how == ending::woken_then_destroyed) {
    throw usage_error(std::string("nakh: a ") + what + " was destroyed when a task that waited for it was about to go on; keep it longer");
  }
  lowlevel::throw_cancelled();
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
