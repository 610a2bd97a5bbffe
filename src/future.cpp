// SPDX-License-Identifier: BSL-1.0
#include <nakh/future.hpp>

#include "awaiting.hpp"
#include "loop_core.hpp"
#include "switching.hpp"
#include "task_core.hpp"

#include <nakh/detail/suspension.hpp>
#include <nakh/task_graph.hpp>

#include <cassert>
#include <cstddef>
#include <cstdio>

namespace nakh::detail {

loop_core& running_loop_core() {
  if (this_loop == nullptr) throw usage_error("nakh: no loop runs in this thread; call this inside nakh::run");
  return *this_loop;
}

cancel_reason make_reason(std::string text) { return cancel_reason(std::move(text)); }

void throw_result_taken() { throw invalid_state_error("nakh: the result was taken before; a move-only result can be had once"); }

// --- State and its changes ---

future_state::future_state(loop_core& loop) noexcept : loop_(&loop), reason_() { loop.add_ref(); }

future_state::~future_state() {
  if (has_origin_) [[unlikely]]
    loop_->debugging->forget_origin(*this);
  if (last_ != nullptr) drop_if([](const completion& c) { return c.kind->drop != nullptr; });
  if (holds_error_) [[unlikely]] {
    error_.~exception_ptr();
  } else {
    reason_.~cancel_reason();
  }
  loop_->release();
}

void future_state::last_release() noexcept {
  if (failed() && !retrieved_) [[unlikely]] {
    retrieved_ = true;
    refs_ = 1;  // the handler may look at it, and even keep it
    report_unretrieved();
    if (--refs_ != 0) return;
  }
  delete this;
}

void future_state::report_unretrieved() noexcept {
  try {
    exception_context context{.message = "", .exception = peek_error()};
    describe_unretrieved(context);
    loop_->report(context);
  } catch (...) {
    std::fputs("nakh: an exception was never retrieved, and could not be described\n", stderr);
  }
}

void future_state::for_each_awaited(future_visitor& /*visit*/) {}

void future_state::run_body() {}
void future_state::discard_body() noexcept {}
void future_state::drop_value() noexcept {}

void future_state::describe_unretrieved(exception_context& context) {
  context.message = "Future exception was never retrieved";
  context.where = origin();
}

void future_state::check_own_thread(const char* function) const { loop_->require_own_thread(function); }

void future_state::keep_origin(const source_location& where) {
  if (!loop_->debug.load(std::memory_order_relaxed)) return;
  loop_->debugging->set_origin(*this, where);
  has_origin_ = true;
}

source_location future_state::origin() const noexcept { return has_origin_ ? loop_->debugging->origin(*this) : source_location(); }

void future_state::complete(future_status status) noexcept {
  assert(!done() && "a future is completed once");
  status_ = status;
  while (last_ != nullptr) {
    completion& c = *last_->next;
    unlink(c);
    c.kind->notify(c, *this);
  }
}

void future_state::fail(std::exception_ptr error) noexcept {
  note_error(std::move(error));
  complete(future_status::finished);
}

void future_state::finish_cancelled(const cancel_reason& reason) noexcept {
  note_reason(reason);
  complete(future_status::cancelled);
}

void future_state::note_reason(const cancel_reason& reason) noexcept {
  if (!holds_error_) reason_ = reason;  // else that is how it ends, whatever comes now
}

void future_state::note_error(std::exception_ptr error) noexcept {
  assert(!holds_error_ && "it ends once");
  reason_.~cancel_reason();
  ::new (static_cast<void*>(std::addressof(error_))) std::exception_ptr(std::move(error));
  holds_error_ = true;
}

std::exception_ptr future_state::take_noted_error() noexcept {
  assert(holds_error_);
  std::exception_ptr error = std::move(error_);
  error_.~exception_ptr();
  ::new (static_cast<void*>(std::addressof(reason_))) cancel_reason();
  holds_error_ = false;
  return error;
}

bool future_state::cancel(const cancel_reason& reason) noexcept {
  retrieved_ = true;
  if (done()) return false;
  finish_cancelled(reason);
  return true;
}

std::exception_ptr future_state::exception() {
  if (status_ != future_status::finished) throw_outcome();
  retrieved_ = true;
  return peek_error();
}

void future_state::throw_outcome() {
  switch (status_) {
    case future_status::pending:
      throw invalid_state_error("nakh: the result is not there yet; await it");
    case future_status::cancelled:
      throw cancelled_error(reason_);
    case future_status::finished:
      break;
  }
  retrieved_ = true;
  std::rethrow_exception(error_);
}

void future_state::throw_already_done() const {
  throw invalid_state_error(status_ == future_status::cancelled ? "nakh: the future was cancelled; it takes no result"
                                                                : "nakh: the future has its result already; it takes no other");
}

// --- Those who wait ---

void future_state::withdraw(done_hook& h) noexcept {
  if (h.is_linked()) {
    unlink(h);
  } else if (h.is_queued()) {
    loop_->sched.remove(h);
  }
}

void done_hook::queue(completion& self, future_state& done) noexcept {
  auto& h = static_cast<done_hook&>(self);
  if (done.loop().closed.load(std::memory_order_relaxed)) {
    h.run(h);
  } else {
    done.loop().sched.push(h);
  }
}

constinit const completion_kind done_hook::queued = {&queue};

constinit const completion_kind await_op::woken = {&wake};
constinit const lowlevel::wait_kind await_op::waits = {&pass_on, "future"};

void await_op::wake(completion& self, future_state& done) noexcept { done.loop().sched.unpark(*static_cast<await_op&>(self).waiting); }

bool await_op::pass_on(wait_op& self) noexcept {
  const auto& op = static_cast<await_op&>(self);
  return op.awaited->cancel(task_core::of(*op.waiting).state().reason());
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Winvalid-offsetof"  // the compilers that are supported can, with bases too
constinit const await_layout layout_of_await = {&await_op::waits, offsetof(await_op, awaited)};
#pragma GCC diagnostic pop

future_state* awaited_by(const routine& r) noexcept {
  if (r.state != routine_state::parked || r.parked_in->kind != &await_op::waits) return nullptr;
  return static_cast<await_op&>(*r.parked_in).awaited;
}

void interrupt(routine& r) noexcept {
  if (awaited_by(r) != nullptr) {
    auto& op = static_cast<await_op&>(*r.parked_in);
    loop_core& loop = op.awaited->loop();
    op.awaited->unlink(op);
    loop.sched.unpark(r);
  }
  r.cancel_pending = true;
}

void future_state::require_awaitable_here() const {
  const routine* const r = this_scheduler != nullptr ? this_scheduler->current_routine() : nullptr;
  if (r == nullptr)
    throw usage_error("nakh: only a task can await, and this is none; wrap the code in nakh::async, or in nakh::run at the top");
  if (loop_ != this_loop)
    throw usage_error("nakh: the awaited future belongs to another loop; use call_soon_threadsafe to hand its result over");
  const task_core& own = task_core::of(*r);
  if (&own.state() == this) throw usage_error("nakh: task '" + task_name(own) + "' awaits itself, which would never end");
}

void future_state::wait_for_completion() {
  fiber* const f = this_scheduler != nullptr ? this_scheduler->current() : nullptr;
  if (f == nullptr || loop_ != this_loop || &fiber_task::of(*f).state() == this) [[unlikely]] {
    require_awaitable_here();
    throw_is_coroutine();
  }
  await_op op(*f, *this);
  subscribe(op);
  this_scheduler->park(op);
}

// --- Done callbacks ---

void done_call::queue(completion& self, future_state& done) noexcept {
  auto& call = static_cast<done_call&>(self);
  if (done.loop().closed.load(std::memory_order_relaxed)) {
    call.release();  // nobody would run it
    return;
  }
  done.add_ref();
  call.source = &done;
  done.loop().push_call(call);
}

constinit const completion_kind done_call::told = {&queue, &discard};

void done_call::discard(completion& self) noexcept { static_cast<done_call&>(self).release(); }

done_call::~done_call() {
  if (source != nullptr) source->release();  // was queued, and dropped by a loop that closed
}

callback_id add_done_call(future_state& state, done_call& owned) noexcept {
  static thread_local std::uint64_t last_id = 0;
  owned.schedule_in(state.loop());
  const std::uint64_t id = ++last_id;
  owned.id = id;
  state.subscribe(owned);  // which may be its end, on a closed loop
  return callback_id(id);
}

std::size_t remove_done_call(future_state& state, callback_id id) noexcept {
  return state.drop_if([id](const completion& c) {
    return c.kind == &done_call::told && static_cast<const done_call&>(c).id == static_cast<std::uint64_t>(id);
  });
}

// --- run_until_complete ---

namespace {

[[noreturn]] void throw_deadlock(const loop_core& loop) {
  const task_graph graph = graph_of(loop);
  const std::size_t count = graph.tasks.size();
  if (count == 0) throw deadlock_error("nakh: deadlock: the future that the loop runs for cannot be done any more, since no task is left");
  throw deadlock_error(
      "nakh: deadlock: " + (count == 1 ? std::string("the only task waits") : "all " + std::to_string(count) + " tasks wait") +
      " and nothing is left that could wake one; let something end what they wait for, or give it a timeout\n" + format_waits(graph));
}

}  // namespace

void run_until_done(loop_core& loop, future_state& state, bool made_here) {
  if (&state.loop() != &loop) throw std::invalid_argument("nakh: the future belongs to another loop than the one that shall run");
  struct stop_when_done : done_hook {
    stop_when_done(loop_core& l, future_state& s) noexcept
        : done_hook([](hook& self) noexcept {
            const auto& h = static_cast<stop_when_done&>(self);
            h.core.facade->stop();
          }),
          core(l),
          awaited(s) {
      awaited.subscribe(*this);
    }
    ~stop_when_done() { awaited.withdraw(*this); }
    stop_when_done(const stop_when_done&) = delete;
    stop_when_done& operator=(const stop_when_done&) = delete;
    loop_core& core;
    future_state& awaited;
  };
  {
    const stop_when_done stop(loop, state);
    struct main_watch {
      explicit main_watch(loop_core& l) noexcept : core(l), former(std::exchange(l.throw_deadlock, &throw_deadlock)) {}
      ~main_watch() { core.throw_deadlock = former; }
      main_watch(const main_watch&) = delete;
      main_watch& operator=(const main_watch&) = delete;
      loop_core& core;
      void (*former)(const loop_core&);
    } const watch(loop);
    try {
      loop.run_forever();
    } catch (...) {
      if (made_here && state.status() == future_status::finished) state.mark_retrieved();
      throw;
    }
  }
  if (!state.done()) throw usage_error("nakh: the loop was stopped before the future was done; run it again to go on");
}

}  // namespace nakh::detail
