// SPDX-License-Identifier: BSL-1.0
#include <nakh/stackless/generator.hpp>

#include "loop_core.hpp"
#include "switching.hpp"

#include <nakh/error.hpp>

#include <utility>

namespace nakh::detail {

namespace {

[[noreturn]] void throw_yielded_in_close() {
  throw usage_error("nakh: the generator yielded an item while it was closed; its body must let generator_exit through, or return");
}

}  // namespace

void* coroutine_generator::receive() {
  void* const sent = std::exchange(sent_, nullptr);
  switch (std::exchange(order, generator_order::go_on)) {
    case generator_order::go_on:
      break;
    case generator_order::fail:
      std::rethrow_exception(std::exchange(error_, nullptr));
    case generator_order::exit:
      throw generator_exit();
  }
  return sent;
}

std::coroutine_handle<> coroutine_generator::leave(void* item, generator_state now) noexcept {
  item_ = item;
  state = now;
  if (now == generator_state::ended) end();
  if (consumer_) return std::exchange(consumer_, nullptr);
  // Somebody else's awaitable may have let the fiber wait meanwhile.
  if (fiber_->state == routine_state::parked) this_scheduler->unpark(*fiber_);
  return std::noop_coroutine();
}

bool coroutine_generator::begin_step(generator_order o, void* sent, std::exception_ptr error) {
  if (state == generator_state::running)
    throw usage_error("nakh: the generator runs already, in another task or further out in this one; wait until it has yielded");
  if (sched != nullptr && sched != this_scheduler)
    throw usage_error("nakh: the generator belongs to another loop, where its first item was asked for; use it there");
  if (state == generator_state::created) {
    if (sent != nullptr)
      throw usage_error(
          "nakh: a generator that has not begun is at no yield that could return the value; ask for its first item with next");
    open();
  }
  order = o;
  sent_ = sent;
  error_ = std::move(error);
  state = generator_state::running;
  return true;
}

void coroutine_generator::step_in_fiber() {
  fiber& own = *this_scheduler->current();
  fiber_ = &own;
  body_.resume();
  bool cancelled = false;
  while (state == generator_state::running) {
    lowlevel::wait_op op;
    op.what = "generator";
    try {
      this_scheduler->park(op);
    } catch (const cancelled_error&) {
      cancelled = true;
    }
  }
  if (cancelled) own.cancel_pending = true;
}

void* coroutine_generator::end_step() {
  if (state == generator_state::ended && error_) std::rethrow_exception(std::exchange(error_, nullptr));
  return item_;
}

void coroutine_generator::close() {
  if (state == generator_state::created) state = generator_state::ended;
  if (state == generator_state::ended) return;
  static_cast<void>(runs_in_fiber());
  static_cast<void>(begin_step(generator_order::exit, nullptr));
  const closing_mark mark(*this);
  step_in_fiber();
  try {
    if (end_step() != nullptr) throw_yielded_in_close();
  } catch (const generator_exit&) {
    return;
  }
}

stackless::task<> close_coroutine_generator(coroutine_generator* g) {
  if (g == nullptr) co_return;
  if (g->state == generator_state::created) g->state = generator_state::ended;
  if (g->state == generator_state::ended) co_return;
  const ref<open_generator> kept = ref<open_generator>::share(g);
  const closing_mark mark(*g);
  try {
    if (co_await generator_step(g, generator_order::exit) != nullptr) throw_yielded_in_close();
  } catch (const generator_exit&) {
    co_return;
  }
}

}  // namespace nakh::detail
