// SPDX-License-Identifier: BSL-1.0
#include <nakh/generator.hpp>

#include "switching.hpp"
#include "task_core.hpp"

#include <nakh/detail/block.hpp>
#include <nakh/detail/open_generator.hpp>

#include <memory>

namespace nakh {

namespace detail {

// The base `side_stack` is what the fiber of a task runs on while it is in here: the task
// stays the same and only the stack changes, so that `fiber::ctx` still is where the scheduler suspends the task.
struct generator_core final : open_generator, side_stack {
  generator_core(const generator_body& b, std::size_t closure, const generator_options& options) : body(b), closure_size(closure) {
    if (options.stack_size != 0) {
      stack_class = stack_pool::class_of(options.stack_size);
      has_stack_class = true;
    }
    where = options.where;
  }
  void close() override { close_generator(*this); }
  void destroy() noexcept override { free_generator(*this); }

  void give(generator_order o) noexcept {
    order = o;
    sent = this;
  }

  bool has_stack_class = false;
  unsigned int inherited = 0;  ///< Exceptions in flight in the task around the present step.
  void* item = nullptr;        ///< Null when the body has ended.
  void* sent = nullptr;        ///< What the yield is to return; anything but null when there is an `order`.
  std::exception_ptr error;    ///< To be thrown on the other side.
  const generator_body& body;
  std::size_t closure_size;
  unsigned int stack_class = 0;
};

namespace {

using core = generator_core;

constexpr std::size_t room_for_core =
    (sizeof(core) + alignof(std::max_align_t) - 1) / alignof(std::max_align_t) * alignof(std::max_align_t);

// --- The body's side ---

// The fiber leaves the stack of `g` for the one below it.
[[gnu::always_inline]] inline void step_out(core& g, fiber& f) noexcept {
  f.side = g.below;
  f.ctx.hand_stack_to(g.own);
}

void run_generator(arrival from) {
  scheduler& s = *this_scheduler;
  auto& g = static_cast<core&>(*s.current()->side);
  g.own.arrive(from);
  g.own.hand_stack_to(s.current()->ctx);
  try {
    g.body.run(closure_of(g), g);
  } catch (...) {
    g.error = std::current_exception();
  }
  g.item = nullptr;
  g.state = generator_state::ended;
  step_out(g, *s.current());
  g.own.jump_for_ever(g.caller, s.exceptions());
}

[[gnu::noinline, noreturn]] void throw_foreign_yield() {
  throw usage_error(
      "nakh: a yielder was called outside of its generator's body; only the body, and what it calls on its own stack, can yield");
}

[[gnu::noinline]] void* receive(core& g) {
  void* const sent = std::exchange(g.sent, nullptr);
  switch (std::exchange(g.order, generator_order::go_on)) {
    case generator_order::go_on:
      break;
    case generator_order::fail:
      std::rethrow_exception(std::exchange(g.error, nullptr));
    case generator_order::exit:
      // A yield in a destructor, while the body unwinds anyway: it goes on unwinding.
      if (g.sched->exceptions().uncaught > g.inherited) return nullptr;
      throw generator_exit();
  }
  return sent;
}

// --- The consumer's side ---

[[gnu::noinline]] void* finish(core& g) {
  g.own.bury();
  g.sched->stacks().release(std::exchange(g.memory, stack{}));
  g.end();
  if (g.error) std::rethrow_exception(std::exchange(g.error, nullptr));
  return nullptr;
}

[[gnu::always_inline]] inline void* step_in(core& g, scheduler& s, fiber& f) {
  g.state = generator_state::running;
  g.below = f.side;
  f.side = &g;
  f.ctx.hand_stack_to(g.caller);
  g.caller.jump(g.own, s.exceptions());
  g.caller.hand_stack_to(f.ctx);
  void* const item = g.item;
  if (item == nullptr) [[unlikely]]
    return finish(g);
  return item;
}

// Throws unless the current task may be in `g` now.
fiber& require_user(const core& g) {
  g.require_free();
  fiber* const f = this_scheduler != nullptr ? this_scheduler->current() : nullptr;
  if (f == nullptr)
    throw usage_error("nakh: only a task can use a generator, and this is none; wrap the code in nakh::async, or in nakh::run at the top");
  g.require_own_loop();
  return *f;
}

void begin(core& g) {
  loop_core& loop = *this_loop;
  const unsigned int size = g.has_stack_class ? g.stack_class : loop.default_stack_class;
  g.memory = loop.sched.take_stack(size);
  g.own.prepare(loop.sched.stacks().limit_of(g.memory), g.memory.top, &run_generator);
  g.open();
}

NAKH_RESUMES_ELSEWHERE void* step_slowly(core& g) {
  if (g.state == generator_state::ended) return nullptr;
  fiber& f = require_user(g);
  if (g.state == generator_state::created) begin(g);
  scheduler& s = *g.sched;
  // The body is called, so to say, by what is being unwound: a cancellation in it has to wait as it has there.
  g.inherited = s.exceptions().uncaught;
  g.own.add_uncaught(g.inherited);
  return step_in(g, s, f);
}

}  // namespace

NAKH_RESUMES_ELSEWHERE void* resume_generator(generator_core& g) {
  scheduler* const s = this_scheduler;
  if (g.state != generator_state::suspended || s != g.sched || s->current() == nullptr || s->exceptions().uncaught != 0) [[unlikely]]
    return step_slowly(g);
  return step_in(g, *s, *s->current());
}

NAKH_RESUMES_ELSEWHERE void* yield_from_generator(generator_core& g, void* item) {
  scheduler& s = *g.sched;
  fiber* const f = s.current();
  if (f == nullptr || f->side != &g) [[unlikely]]
    throw_foreign_yield();
  if (g.inherited != 0) [[unlikely]]
    s.exceptions().uncaught -= std::exchange(g.inherited, 0u);
  g.item = item;
  g.state = generator_state::suspended;
  step_out(g, *f);
  g.own.jump(g.caller, s.exceptions());
  g.own.hand_stack_to(g.sched->current()->ctx);
  if (g.sent != nullptr) [[unlikely]]
    return receive(g);
  return nullptr;
}

void* send_to_generator(generator_core& g, void* value) {
  if (g.state == generator_state::ended) return nullptr;
  static_cast<void>(require_user(g));
  if (g.state == generator_state::created) open_generator::throw_sent_too_early();
  g.sent = value;
  return step_slowly(g);
}

void* throw_into_generator(generator_core& g, std::exception_ptr error) {
  if (!error) throw std::invalid_argument("nakh: throw_into was given no error");
  if (g.state == generator_state::ended) return nullptr;
  static_cast<void>(require_user(g));
  if (g.state == generator_state::created) {
    close_generator(g);
    std::rethrow_exception(std::move(error));
  }
  g.error = std::move(error);
  g.give(generator_order::fail);
  return step_slowly(g);
}

void close_generator(generator_core& g) {
  switch (g.state) {
    case generator_state::ended:
      return;
    case generator_state::created:
      g.state = generator_state::ended;
      g.body.discard(closure_of(g));
      return;
    case generator_state::running:
    case generator_state::suspended:
      break;
  }
  static_cast<void>(require_user(g));
  g.give(generator_order::exit);
  const closing_mark mark(g);
  void* item = nullptr;
  try {
    item = step_slowly(g);
  } catch (const generator_exit&) {
    return;
  }
  if (item != nullptr) open_generator::throw_yielded_while_closed();
}

// --- Making and dropping ---

generator_core* allocate_generator(std::size_t closure_size, const generator_body& body, const generator_options& options) {
  const std::size_t size = room_for_core + closure_size;
  void* const block = allocate_block(size);
  try {
    return ::new (block) generator_core(body, closure_size, options);
  } catch (...) {
    free_block(block, size);
    throw;
  }
}

void free_generator(generator_core& g) noexcept {
  const std::size_t size = room_for_core + g.closure_size;
  g.~generator_core();
  free_block(&g, size);
}

void* closure_of(generator_core& g) noexcept { return reinterpret_cast<std::byte*>(&g) + room_for_core; }

void drop_generator(generator_core& g) noexcept { g.drop(); }

}  // namespace detail

}  // namespace nakh
