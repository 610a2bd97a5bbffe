// SPDX-License-Identifier: BSL-1.0
#include <nakh/gather.hpp>

#include "loop_core.hpp"

namespace nakh::detail {

gather_core::child::child() noexcept
    : done_hook(
          [](hook& self) noexcept {
            auto& c = static_cast<child&>(self);
            gather_core& g = *c.owner;
            const auto done = ref<future_state>::adopt(c.state);
            g.child_done(*done);
            g.one_less();
          },
          // Only once the outcome is known does a child's future die before it is done: see `child_done`.
          [](completion& self) noexcept { static_cast<child&>(self).owner->one_less(); }) {
  // From here until the hook has run the child is held: once the outcome is known, nobody else may hold it.
  notify = [](completion& self, future_state& done) noexcept {
    done.add_ref();
    queue(self, done);
  };
}

gather_core::gather_core(future_state& outer, std::size_t children, bool return_errors,
                         void (*release_children)(future_state&) noexcept)
    : outer_(outer),
      children_(children != 0 ? new child[children] : nullptr),
      total_(children),
      return_errors_(return_errors),
      release_children_(release_children) {}

gather_core::~gather_core() = default;

void gather_core::add(future_state& state) {
  if (&state.loop() != &outer_.loop()) {
    throw std::invalid_argument("nakh: the arguments of gather belong to different loops; gather those of one loop");
  }
  child& c = children_[added_++];
  c.owner = this;
  c.state = &state;
}

void gather_core::start() noexcept {
  if (total_ == 0) {
    outer_.finish();
    return;
  }
  outer_.add_ref();  // its own, until every child has been heard of
  for (std::size_t i = 0; i < total_; ++i) {
    if (!children_[i].state->done()) children_[i].state->subscribe(children_[i]);
  }
  // The finished ones are counted at once: when all are, so is this (T-gather-01, as CPython 3.12 and later).
  std::size_t at_once = 0;
  for (std::size_t i = 0; i < total_; ++i) {
    if (children_[i].is_linked()) continue;
    ++at_once;
  }
  if (at_once == 0) return;
  for (std::size_t i = 0; i < total_; ++i) {
    child& c = children_[i];
    if (c.is_linked()) continue;
    child_done(*c.state);
    --at_once;
    const bool last = at_once == 0;
    one_less();
    if (last) return;  // this may be gone
  }
}

void gather_core::child_done(future_state& state) noexcept {
  if (outer_.done()) {
    state.mark_retrieved();
    return;
  }
  if (!return_errors_) {
    if (state.status() == future_status::cancelled) {
      outer_.fail(std::make_exception_ptr(cancelled_error(state.reason())));
    } else if (state.failed()) {
      state.mark_retrieved();
      outer_.fail(state.peek_error());
    }
    if (outer_.done()) {
      // Nobody will ask for results. Children that nobody else holds either may go, instead of keeping each other.
      const auto keep = ref<future_state>::share(&state);
      release_children_(outer_);
      return;
    }
  }
  if (finished_ + 1 < total_) return;
  if (return_errors_) {
    for (std::size_t i = 0; i < total_; ++i) children_[i].state->mark_retrieved();
  }
  if (cancel_requested_) {
    outer_.fail(std::make_exception_ptr(cancelled_error(state.reason())));
  } else {
    outer_.finish();
  }
}

void gather_core::one_less() noexcept {
  if (++finished_ == total_) outer_.release();
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

}  // namespace nakh::detail
