// SPDX-License-Identifier: BSL-1.0
#include <nakh/stackless/foreign.hpp>

#include "loop_core.hpp"
#include "switching.hpp"

#include <nakh/detail/suspension.hpp>

namespace nakh::detail {

namespace {

constexpr lowlevel::wait_kind waits_for_awaitable = {.what = "foreign awaitable"};

foreign_wait::stand_in make_stand_in(foreign_wait& /*of*/) { co_return; }

}  // namespace

foreign_wait::~foreign_wait() {
  if (stand_in_) stand_in_.destroy();
}

std::coroutine_handle<foreign_wait::stand_in::promise_type> foreign_wait::begin(std::coroutine_handle<> self) {
  static_cast<void>(runs_in_fiber());
  scheduler_ = this_scheduler;
  routine& r = *scheduler_->current_routine();
  scheduler_->deliver_pending(r);
  kind = &waits_for_awaitable;
  door_ = this_loop->door;
  self_ = self;
  stand_in_ = make_stand_in(*this).handle;
  waiting_ = &r;
  return stand_in_;
}

bool foreign_wait::suspend() {
  given_away_ = true;
  if (resumed_) return false;
  if (!waiting_->is_coroutine()) {
    block();
    return false;
  }
  // A coroutine of the awaitable's own may have run, and have made the task wait for something of the library's.
  auto& c = static_cast<coroutine&>(*waiting_);
  if (c.state == routine_state::ready && !c.is_queued()) scheduler_->park(c, *this, self_);
  return true;
}

void foreign_wait::block() {
  try {
    scheduler_->park(*this);
  } catch (const cancelled_error&) {
    waiting_->cancel_pending = true;  // for deliver_cancellation
  }
}

void foreign_wait::resumed() noexcept {
  if (this_scheduler == scheduler_) return go_on();
  call_node* const call = make_call([this] { go_on(); }, source_location());
  call->share();
  const auto door = door_;  // once it is through, this may be gone
  if (!door->post(*call)) call->release();
}

void foreign_wait::go_on() noexcept {
  resumed_ = true;
  if (!given_away_) return;  // `suspend` will see it
  if (waiting_->state == routine_state::parked) {
    if (waiting_->parked_in == this) scheduler_->unpark(*waiting_);
    return;
  }
  if (!waiting_->is_coroutine()) return;
  auto& c = static_cast<coroutine&>(*waiting_);
  if (scheduler_->current_coroutine() == &c) {
    self_.resume();  // its own step, in a coroutine of the awaitable's
  } else if (!c.is_queued()) {
    // That one had waited for something of the library's, and then for something else.
    c.innermost = self_;
    scheduler_->push(c);
  }
}

void foreign_wait::deliver_cancellation() const {
  if (waiting_ != nullptr) scheduler_->deliver_pending(*waiting_);
}

}  // namespace nakh::detail
