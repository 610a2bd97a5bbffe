// SPDX-License-Identifier: BSL-1.0
#pragma once

// How one fiber gives its turn to the next, inline: each function that suspends has the switch in itself. A processor
// predicts returns from a stack of its own, which a switch leaves out of step, and so every return that stands between
// the switch and the user's code costs some ten nanoseconds.

#include "scheduler.hpp"

/// For a function that has suspended when it returns: it then returns by an indirect jump, which the processor predicts
/// from where it has been lately, since the prediction of a return would be another fiber's. Not for one that mostly
/// returns without a switch, or after one that came back as calls do (awaiting a task that runs to its end at once).
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(NAKH_ASAN) && !defined(NAKH_TSAN)
#define NAKH_RESUMES_ELSEWHERE [[gnu::noinline, gnu::function_return("thunk-extern")]]
#else
#define NAKH_RESUMES_ELSEWHERE [[gnu::noinline]]
#endif

namespace nakh::detail {

[[gnu::always_inline]] inline bool scheduler::renew_pass() noexcept {
  if (switches_left_ <= 0 || ready_.empty()) return false;
  pass_last_ = &ready_.back();
  return true;
}

// Gives a fiber that has not begun the idle stack, which needs a jump only.
[[gnu::always_inline]] inline bool scheduler::equip_with_idle(fiber& f) noexcept {
  if (!idle_stack_ || idle_stack_.size_class != f.stack_class) return false;
  f.stack_top = std::exchange(idle_stack_.top, nullptr);
  stacks_.begin_use();
  f.ctx.continue_from(idle_);
  f.kind = ready_kind::fiber;
  return true;
}

// Whom a fiber that stops running has to jump to.
[[gnu::always_inline]] inline fiber& scheduler::next_fiber() noexcept {
  --switches_left_;
  if (pass_last_ == nullptr && !renew_pass()) [[unlikely]]
    return loop_;
  ready_node& front = ready_.front();
  if (front.kind == ready_kind::fiber) [[likely]]
    return static_cast<fiber&>(pop());
  if (front.kind == ready_kind::new_fiber && equip_with_idle(static_cast<fiber&>(front))) return static_cast<fiber&>(pop());
  return search_next_fiber();
}

[[gnu::always_inline]] inline void scheduler::switch_from(fiber& self) noexcept {
  fiber& next = next_fiber();
  current_ = &next;
  if (&next != &self) self.ctx.jump(next.ctx, *exceptions_);
}

[[gnu::always_inline]] inline void scheduler::park(lowlevel::wait_op& op) {
  if (current_ == nullptr) [[unlikely]]
    throw_no_fiber("nakh: only a task can wait, and this is none; wrap the code in nakh::async, or in nakh::run at the top");
  fiber& self = *current_;
  ++self.epoch;
  self.state = routine_state::parked;
  self.parked_in = &op;
  if (self.cancel_pending && exceptions_->uncaught == 0) [[unlikely]]
    offer_pending(self);
  switch_from(self);
  if (self.cancel_pending) [[unlikely]]
    deliver_cancellation(self);
}

[[gnu::always_inline]] inline void scheduler::yield() {
  if (ready_.empty() && switches_left_ > 1) {  // nobody else wants a turn
    --switches_left_;
    if (current_->cancel_pending) [[unlikely]]
      deliver_cancellation(*current_);
  } else {
    give_turn();
  }
}

}  // namespace nakh::detail
