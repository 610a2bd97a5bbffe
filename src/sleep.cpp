// SPDX-License-Identifier: BSL-1.0
#include <nakh/sleep.hpp>

#include <nakh/detail/suspension.hpp>

#include "awaiting.hpp"
#include "loop_core.hpp"
#include "switching.hpp"

namespace nakh {

namespace detail {

sleep_op::sleep_op(loop_core& l, routine& r) noexcept
    : wait_op{&waits},
      // The timer's turn: the sleeper runs in the pass after this one.
      hook([](hook& self) noexcept {
        auto& op = static_cast<sleep_op&>(self);
        if (!op.over) op.wake();
      }),
      loop(l),
      sleeper(r) {}

constinit const lowlevel::wait_kind sleep_op::waits = {&give_up, "sleep"};

bool sleep_op::give_up(wait_op& self) noexcept {
  auto& op = static_cast<sleep_op&>(self);
  op.cancelled = true;
  op.disarm();
  op.wake();
  return true;
}

void sleep_op::wake() noexcept {
  over = true;
  loop.sched.unpark(sleeper);
}

void sleep_op::disarm() noexcept {
  if (clock.is_armed()) {
    loop.timers.cancel(clock);
  } else if (is_queued()) {
    loop.sched.remove(*this);
  }
}

}  // namespace detail

namespace {

[[noreturn, gnu::cold]] void throw_no_task() {
  detail::throw_no_fiber("nakh: only a task can sleep, and this is none; wrap the code in nakh::async, or in nakh::run at the top");
}

// It does not say that it never returns, so that `yield` needs no frame for the call.
[[gnu::noinline, gnu::cold]] void refuse_to_yield() {
  detail::throw_no_fiber("nakh: only a task can yield, and this is none; wrap the code in nakh::async, or in nakh::run at the top");
}

detail::fiber& sleeper() {
  detail::fiber* const f = detail::this_scheduler != nullptr ? detail::this_scheduler->current() : nullptr;
  if (f == nullptr) throw_no_task();
  return *f;
}

NAKH_RESUMES_ELSEWHERE void sleep_in(detail::fiber& f, time_point deadline) {
  detail::sleep_op op(*detail::this_loop, f);
  op.loop.arm(op.clock, deadline);
  op.loop.sched.park(op);
  if (op.cancelled) lowlevel::throw_cancelled();
}

}  // namespace

std::optional<time_point> detail::sleeps_until(const routine& r) noexcept {
  if (r.state != routine_state::parked || r.parked_in->kind != &sleep_op::waits) return std::nullopt;
  const auto& op = static_cast<const sleep_op&>(*r.parked_in);
  return op.clock.is_armed() ? op.loop.timers.deadline_of(op.clock) : op.loop.time();
}

void yield() {
  detail::scheduler* const s = detail::this_scheduler;
  if (s == nullptr || s->current() == nullptr) [[unlikely]]
    return refuse_to_yield();
  s->yield();
}

void sleep(delay d) {
  detail::fiber& f = sleeper();
  if (d.is_due()) {
    detail::this_scheduler->yield();
  } else {
    sleep_in(f, after(detail::this_loop->time(), d));
  }
}

void sleep_until(time_point deadline) {
  detail::fiber& f = sleeper();
  if (deadline <= detail::this_loop->time()) {
    detail::this_scheduler->yield();
  } else {
    sleep_in(f, deadline);
  }
}

}  // namespace nakh
