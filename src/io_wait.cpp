// SPDX-License-Identifier: BSL-1.0
#include <nakh/detail/io_wait.hpp>

#include <nakh/error.hpp>

#include "loop_core.hpp"
#include "switching.hpp"

namespace nakh::detail {

namespace {

routine& running_task() {
  routine* const r = this_scheduler != nullptr ? this_scheduler->current_routine() : nullptr;
  if (r == nullptr)
    throw usage_error("nakh: only a task can wait for input and output, and this is none; wrap the code in nakh::async, or in nakh::run");
  this_scheduler->deliver_pending(*r);
  return *r;
}

}  // namespace

boost::asio::io_context& io_context_of(loop_core& loop) noexcept { return loop.io.context(); }

void look_at(loop_core& loop, ready_source& source) noexcept { loop.io.look_at(source); }

io_wait::io_wait(const lowlevel::wait_kind& how, cancel_function cancel)
    : wait_op{&how}, waiting_(running_task()), loop_(*this_loop), cancel_(cancel) {
  ++loop_.io_under_way;
}

NAKH_RESUMES_ELSEWHERE void io_wait::block() {
  while (!finished_) {
    try {
      loop_.sched.park(*this);
    } catch (const cancelled_error&) {
      cancelled_ = true;  // that came when the operation had ended
    }
  }
}

bool io_wait::suspend(std::coroutine_handle<> self) {
  if (finished_) return false;
  loop_.sched.park(static_cast<coroutine&>(waiting_), *this, self);
  return true;
}

void io_wait::resume() noexcept {
  if (std::exchange(waiting_.cancel_pending, false)) cancelled_ = true;
}

bool io_wait::pass_on(wait_op& self) noexcept {
  auto& op = static_cast<io_wait&>(self);
  op.cancelled_ = true;
  if (op.cancel_ != nullptr) op.cancel_(op);
  return true;
}

void io_wait::finish() noexcept {
  if (this_loop == &loop_) return arrive();
  // The loop lasts until then: it has a task that waits.
  static_cast<void>(loop_.facade->call_soon_threadsafe([this] { arrive(); }));
}

void io_wait::arrive() noexcept {
  finished_ = true;
  --loop_.io_under_way;
  if (waiting_.state == routine_state::parked && waiting_.parked_in == this) loop_.sched.unpark(waiting_);
}

void io_wait::keep_cancellation() noexcept { waiting_.cancel_pending = true; }

io_expected::io_expected(loop_core& loop) noexcept : loop_(&loop) { ++loop.io_under_way; }
io_expected::~io_expected() {
  if (loop_ != nullptr) --loop_->io_under_way;
}

}  // namespace nakh::detail
