// SPDX-License-Identifier: BSL-1.0
#include <nakh/stackless/generator.hpp>

#include "loop_core.hpp"

#include <cassert>
#include <utility>

namespace nakh::detail {

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
  return consumer_ ? std::exchange(consumer_, nullptr) : std::noop_coroutine();
}

void coroutine_generator::begin_step(generator_order o, void* sent, std::exception_ptr error) {
  require_free();
  require_own_loop();
  if (state == generator_state::created) {
    if (sent != nullptr) throw_sent_too_early();
    open();
  }
  order = o;
  sent_ = sent;
  error_ = std::move(error);
  state = generator_state::running;
}

void coroutine_generator::step_in_fiber() {
  body_.resume();
  assert(state != generator_state::running && "what a body awaits in a fiber blocks that");
}

void* coroutine_generator::end_step() {
  if (state == generator_state::ended && error_) std::rethrow_exception(std::exchange(error_, nullptr));
  return item_;
}

void coroutine_generator::close() {
  if (state == generator_state::created) state = generator_state::ended;
  if (state == generator_state::ended) return;
  static_cast<void>(runs_in_fiber());
  begin_step(generator_order::exit, nullptr);
  const closing_mark mark(*this);
  step_in_fiber();
  try {
    if (end_step() != nullptr) open_generator::throw_yielded_while_closed();
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
    if (co_await generator_step(g, generator_order::exit) != nullptr) open_generator::throw_yielded_while_closed();
  } catch (const generator_exit&) {
    co_return;
  }
}

}  // namespace nakh::detail
