// SPDX-License-Identifier: BSL-1.0
#include "neighbour.hpp"

#include "task_core.hpp"

#include <nakh/error.hpp>

#include <cstdio>
#include <cstdlib>
#include <utility>

namespace nakh::detail {

namespace {

// What sanitizers are told of a stack of which only its top is known.
constexpr std::size_t supposed_stack_size = 64 * 1024;

void adopt(fiber& f, void* theirs) noexcept {
  const auto* const top = static_cast<const std::byte*>(theirs);
  f.ctx.adopt_foreign(theirs, top - supposed_stack_size, top);
}

/// The task of a fiber that somebody else starts: its body runs there.
struct nothing {
  void operator()() && noexcept {}
};

}  // namespace

neighbour::neighbour(const char* what, bool keeps_exceptions) {
  loop_core& loop = running_loop_core();
  const fiber* const f = loop.sched.current();
  if (f == nullptr || f->kind == ready_kind::guest)
    throw usage_error(
        "nakh: another runtime's fibers are taken in by a task, and this is none; wrap the code in nakh::async, or in nakh::run at the "
        "top");
  bridge_ = std::make_shared<bridge>(*this, loop, what, keeps_exceptions);
  loop.sched.set_guest_switch(bridge_.get());
}

neighbour::~neighbour() {
  bridge& b = *bridge_;
  if (b.attendant.ctx.theirs() != nullptr) b.attendant.ctx.bury();
  b.disarm();
  b.loop.sched.set_guest_switch(nullptr);
  b.owner = nullptr;
}

std::size_t neighbour::guests() const noexcept { return bridge_->guests; }

future_state& neighbour::task_of(fiber& guest) noexcept { return task_core::of(guest).state(); }

loop_core& neighbour::loop() const noexcept { return bridge_->loop; }

namespace {

struct end_op : lowlevel::wait_op, completion {
  end_op(fiber& waits, future_state& awaited) noexcept : wait_op{&waits_for_end}, completion(ended), waiting(waits), task(awaited) {
    awaited.subscribe(*this);
  }
  static bool give_up(wait_op& self) noexcept {
    auto& op = static_cast<end_op&>(self);
    op.cancelled = true;
    op.task.unlink(op);
    this_scheduler->unpark(op.waiting);
    return true;
  }
  static void wake(completion& self, future_state& /*done*/) noexcept { this_scheduler->unpark(static_cast<end_op&>(self).waiting); }
  static constexpr lowlevel::wait_kind waits_for_end = {&give_up, "end"};
  static constexpr completion_kind ended = {&wake};
  fiber& waiting;
  future_state& task;
  bool cancelled = false;
};

}  // namespace

void neighbour::wait_for_end(future_state& task) {
  if (task.done()) return;
  task.require_awaitable_here();
  fiber* const f = this_scheduler->current();
  if (f == nullptr) throw_is_coroutine();
  end_op op(*f, task);
  this_scheduler->park(op);
  if (op.cancelled) lowlevel::throw_cancelled();
}

void neighbour::wait_until_empty() {
  bridge& b = *bridge_;
  bool cancelled = false;
  while (b.guests != 0) {
    if (b.left.wait() != wait_queue::ending::woken) cancelled = true;
  }
  if (cancelled) this_scheduler->current()->cancel_pending = true;
}

fiber& neighbour::add_guest(void* theirs) {
  loop_core& loop = bridge_->loop;
  const task_settings settings{.where = source_location{}};
  const auto task = ref<future_state>::adopt(new task_block<void, nothing>(loop, nothing{}, settings));
  return add_guest(*task, theirs);
}

fiber& neighbour::add_guest(future_state& task, void* theirs) noexcept {
  fiber& guest = begin_as_guest(task);
  adopt(guest, theirs);
  note_wait(guest);
  ++bridge_->guests;
  return guest;
}

void neighbour::drop(fiber& guest) noexcept { task_of(guest).release(); }

void neighbour::run_body(fiber& guest) noexcept { run_as_guest(guest); }

void neighbour::end(fiber& guest) noexcept {
  if (!task_of(guest).done()) run_as_guest(guest);
  guest.state = routine_state::finished;
  if (--bridge_->guests == 0) bridge_->left.wake_all();
}

void neighbour::begin(fiber& guest) noexcept { bridge_->loop.sched.begin_guest(guest); }

void neighbour::begin_at_once(fiber& guest) noexcept {
  guest.state = routine_state::ready;
  bridge_->interrupts = true;
  bridge_->interrupted = bridge_->loop.sched.interrupt_for(guest);
}

void neighbour::begin_instead(fiber& guest) noexcept {
  guest.state = routine_state::ready;
  bridge_->loop.sched.begin_guest(guest);
}

bool neighbour::is_anybody_ready() const noexcept { return !bridge_->loop.sched.idle(); }

void neighbour::set_attendant(void* top) noexcept { adopt(bridge_->attendant, top); }

void neighbour::ask_for_attention() noexcept {
  bridge& b = *bridge_;
  if (b.asked.load(std::memory_order_relaxed)) return;
  b.asked.store(true, std::memory_order_relaxed);
  b.loop.push_call(b.make_attention(b.asked));
}

void neighbour::knock() noexcept {
  bridge& b = *bridge_;
  if (b.knocked.exchange(true, std::memory_order_acq_rel)) return;
  call_node& call = b.make_attention(b.knocked);
  call.share();
  if (!b.door->post(call)) call.release();
}

void neighbour::attend_at(std::chrono::steady_clock::time_point when) noexcept {
  bridge& b = *bridge_;
  b.disarm();
  const duration wait = when - std::chrono::steady_clock::now();
  b.loop.arm_real(b.at.clock, delay(wait > duration::zero() ? wait : duration::zero()));
}

void neighbour::attend_at_no_time() noexcept { bridge_->disarm(); }

void neighbour::refuse_to_block(const char* what, const char* instead) noexcept {
  char name[256] = "a callback";
  const scheduler& s = bridge_->loop.sched;
  if (this_loop != &bridge_->loop) {
    std::snprintf(name, sizeof name, "the thread of a loop that does not run now");
  } else if (const routine* const r = s.current_routine()) {
    char task[200];
    s.owner().write_name(*r, task, sizeof task);
    std::snprintf(name, sizeof name, "task '%s'", task);
  }
  std::fprintf(stderr, "nakh: %s %s; %s\n", name, what, instead);
  std::abort();
}

}  // namespace nakh::detail
