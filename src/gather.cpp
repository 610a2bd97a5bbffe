// SPDX-License-Identifier: BSL-1.0
#include <nakh/gather.hpp>

#include "loop_core.hpp"

#include <utility>

namespace nakh::detail {

gather_core::child::child() noexcept
    : done_hook(
          [](hook& self) noexcept {
            auto& c = static_cast<child&>(self);
            gather_core& core = *c.owner;
            const auto held = c.is_held ? ref<future_state>::adopt(c.state) : ref<future_state>();  // to the end of this
            core.child_done(c);
            core.one_less();
          },
          told) {}

const completion_kind gather_core::child::told = {
    [](completion& self, future_state& done) noexcept {
      auto& c = static_cast<child&>(self);
      c.succeeded = done.succeeded();  // noted while the state is at hand: with many children it is far away later
      if (c.owner->outer_.done()) c.hold();
      queue(self, done);
    },
    // Only once the outcome is known does a child's future die before it is done: see `let_go`.
    [](completion& self) noexcept { static_cast<child&>(self).owner->one_less(); },
};

gather_core::gather_core(future_state& outer, std::size_t children, bool return_errors, void (*release_children)(future_state&) noexcept)
    : outer_(outer),
      children_(children != 0 ? new child[children] : nullptr),
      total_(children),
      return_errors_(return_errors),
      release_children_(release_children) {}

gather_core::~gather_core() {
  // Dropped before all children were heard of: they go on without it.
  for (std::size_t i = 0; i < added_; ++i) {
    child& c = children_[i];
    if (c.is_linked()) {
      c.state->unlink(c);
    } else if (c.is_queued()) {
      outer_.loop().sched.remove(c);
      if (c.is_held) c.state->release();
    }
  }
}

void gather_core::add(future_state& state) {
  if (&state.loop() != &outer_.loop()) {
    throw std::invalid_argument("nakh: the arguments of gather belong to different loops; gather those of one loop");
  }
  child& c = children_[added_++];
  c.owner = this;
  c.state = &state;
  if (state.done()) {
    ++done_before_;
  } else {
    state.subscribe(c);
  }
}

void gather_core::start() noexcept {
  if (total_ == 0) {
    outer_.finish();
    return;
  }
  // The finished ones are counted at once: when all are, so is this (T-gather-01, as CPython 3.12 and later).
  for (std::size_t i = 0; finished_ < done_before_; ++i) {
    child& c = children_[i];
    if (c.is_linked()) continue;
    c.succeeded = c.state->succeeded();
    settle(c);
    ++finished_;
  }
  if (outer_.done()) let_go(total_ - finished_);
}

void gather_core::child_done(child& c) noexcept {
  const bool was_done = outer_.done();
  settle(c);
  if (!was_done && outer_.done()) let_go(total_ - finished_ - 1);
}

// The outcome is known. Nobody will ask for the children's results any more: those that nobody else holds may go, instead
// of keeping each other alive. What is left of this waits for the others, since their errors count as retrieved; those
// that are done and only wait for their hook's turn are held until then.
void gather_core::let_go(std::size_t others) noexcept {
  if (others == 0) return;
  holds_itself_ = true;
  outer_.add_ref();
  for (std::size_t i = 0; i < total_; ++i) {
    if (children_[i].is_queued()) children_[i].hold();
  }
  release_children_(outer_);
}

void gather_core::settle(const child& c) noexcept {
  if (outer_.done()) {
    c.state->mark_retrieved();
    return;
  }
  if (!c.succeeded && !return_errors_) {
    future_state& state = *c.state;
    if (state.status() == future_status::cancelled) {
      outer_.fail(std::make_exception_ptr(cancelled_error(state.reason())));
    } else {
      state.mark_retrieved();
      outer_.fail(state.peek_error());
    }
    return;
  }
  if (finished_ + 1 < total_) return;
  if (return_errors_) {
    for (std::size_t i = 0; i < total_; ++i) children_[i].state->mark_retrieved();
  }
  if (cancel_requested_) {
    outer_.fail(std::make_exception_ptr(cancelled_error(c.state->reason())));
  } else {
    outer_.finish();
  }
}

void gather_core::one_less() noexcept {
  if (++finished_ == total_ && std::exchange(holds_itself_, false)) outer_.release();
}

bool gather_core::cancel(const cancel_reason& reason) noexcept {
  outer_.mark_retrieved();
  if (outer_.done()) return false;
  bool any = false;
  for (std::size_t i = 0; i < total_; ++i) {
    if (children_[i].state->cancel(reason)) any = true;
  }
  if (any) cancel_requested_ = true;
  return any;
}

void gather_core::for_each_child(future_visitor& visit) const {
  if (outer_.done()) return;  // the children may be gone
  for (std::size_t i = 0; i < total_; ++i) visit(*children_[i].state);
}

}  // namespace nakh::detail
