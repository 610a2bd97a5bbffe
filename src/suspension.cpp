// SPDX-License-Identifier: BSL-1.0
#include <nakh/detail/suspension.hpp>

#include "awaiting.hpp"
#include "loop_core.hpp"
#include "task_core.hpp"
#include "waiting.hpp"

#include <nakh/error.hpp>

namespace nakh::detail {

namespace {

coroutine& current_coroutine() noexcept { return *this_scheduler->current_coroutine(); }

// As a function in a fiber does, if one runs; else throws. Apart, so that the usual way needs no stack frame.
[[gnu::cold, gnu::noinline]] bool wait_otherwise(future_state& awaited) {
  static_cast<void>(runs_in_fiber());
  awaited.wait();
  return false;
}

}  // namespace

bool runs_in_fiber() {
  if (this_scheduler == nullptr || this_scheduler->current_routine() == nullptr)
    throw usage_error("nakh: a coroutine waits, but no task runs it; give it to nakh::run, nakh::stackless::spawn or nakh::await");
  return this_scheduler->current() != nullptr;
}

NAKH_RESUMES_ELSEWHERE wait_queue::ending wait_in_line(wait_queue& line) { return line.wait(); }

bool has_turn_alone() {
  if (!this_scheduler->skip_turn()) return false;
  scheduler::arrive(current_coroutine());
  return true;
}

void suspend_for_turn(std::coroutine_handle<> self) { this_scheduler->yield(current_coroutine(), self); }

void suspend_in(lowlevel::wait_op& op, std::coroutine_handle<> self) { this_scheduler->park(current_coroutine(), op, self); }

void resume_after_wait() { scheduler::arrive(current_coroutine()); }

void resume_after_wait(routine& waited) { scheduler::arrive(waited); }

bool suspend_in_future(await_op& op, std::coroutine_handle<> self) {
  future_state& awaited = *op.awaited;
  scheduler* const s = this_scheduler;
  coroutine* const c = s != nullptr ? s->current_coroutine() : nullptr;
  if (c == nullptr || &awaited.loop().sched != s || &coroutine_task::of(*c).state() == &awaited) [[unlikely]]
    return wait_otherwise(awaited);
  op.waiting = c;
  awaited.subscribe_while_pending(op);
  s->park(*c, op, self);
  return true;
}

void suspend_until(later<sleep_op>& op, time_point deadline, std::coroutine_handle<> self) {
  loop_core& loop = *this_loop;
  if (deadline <= loop.time()) return suspend_for_turn(self);
  coroutine& c = current_coroutine();
  sleep_op& own = op.make(loop, c);
  loop.arm(own.clock, deadline);
  loop.sched.park(c, own, self);
}

void suspend_until(later<sleep_op>& op, delay d, std::coroutine_handle<> self) {
  if (d.is_due()) return suspend_for_turn(self);
  suspend_until(op, after(this_loop->time(), d), self);
}

void resume_after_sleep(later<sleep_op>& op) {
  resume_after_wait();
  if (op && (*op).cancelled) lowlevel::throw_cancelled();
}

// --- In line ---

line_wait::own_place::own_place(wait_queue& q, scheduler& s, routine& r, line_wait& w, condition c) noexcept
    : place(q, s, r), wait(w), waits_on(c) {}

void line_wait::suspend(wait_queue& line, std::coroutine_handle<> self, condition waits_on) {
  line.require_task();
  line.note_loop(*this_loop);
  coroutine& c = current_coroutine();
  own_place& p = place_.make(line, *this_scheduler, c, *this, waits_on);
  this_scheduler->park(c, p, self);
  if (waits_on == nullptr) return;
  p.self = self;
  c.asked = &p;
  c.kind = ready_kind::asking_coroutine;
}

bool waits_on(coroutine& c) noexcept {
  auto& p = static_cast<line_wait::own_place&>(*c.asked);
  wait_queue* const line = p.queue;
  if (line == nullptr || p.cancelled || c.cancel_pending || !p.waits_on(p.wait)) {
    c.kind = ready_kind::coroutine;
    c.innermost = p.self;
    return false;
  }
  static_cast<void>(p.end());
  p.woken = false;
  p.enter(*line);
  this_scheduler->park(c, p, p.self);
  c.asked = &p;
  return true;
}

wait_queue::ending line_wait::resume() noexcept {
  own_place& p = *place_;
  auto& c = static_cast<coroutine&>(p.waiting);
  if (c.cancel_pending) {
    c.cancel_pending = false;
    p.cancelled = true;
  }
  return p.end();
}

}  // namespace nakh::detail
