// SPDX-License-Identifier: BSL-1.0
#include "scheduler.hpp"

#include "switching.hpp"

#include <nakh/error.hpp>

#include <cassert>
#include <exception>
#include <string>

namespace nakh::detail {

thread_local constinit scheduler* this_scheduler __attribute__((tls_model("initial-exec"))) = nullptr;

namespace {

// A coroutine cannot wait while it unwinds.
bool is_unwinding(const routine& suspended) noexcept {
  return !suspended.is_coroutine() && static_cast<const fiber&>(suspended).ctx.uncaught() > 0;
}

}  // namespace

scheduler::scheduler(std::size_t max_stacks, void (*run_call)(scheduler&, ready_node&)) noexcept
    : loop_(0), run_call_(run_call), stacks_(max_stacks) {
  loop_.kind = ready_kind::fiber;
}

scheduler::~scheduler() {
  bury_dead();
  if (idle_stack_) idle_.bury();
}

stack_statistics scheduler::statistics() const noexcept {
  stack_statistics s = stacks_.statistics();
  if (idle_stack_) ++s.pooled;
  if (dead_) ++s.pooled;
  return s;
}

stack scheduler::take_stack(unsigned int size_class) {
  bury_dead();
  stack own = stacks_.acquire(size_class);
  if (!own && idle_stack_ && idle_stack_.size_class == size_class) {
    idle_.bury();
    stacks_.put_back(std::exchange(idle_stack_, stack{}));
    own = stacks_.acquire(size_class);
  }
  if (!own) stacks_.throw_exhausted(size_class);
  return own;
}

void scheduler::enter() noexcept {
  this_scheduler = this;
  exceptions_ = thread_exception_state();
  control_at_start_ = float_control::current();
  loop_.ctx.adopt_thread();
}

void scheduler::leave_thread() noexcept {
  this_scheduler = nullptr;
  exceptions_ = nullptr;
}

// --- Taking turns ---

// Gives a fiber that has not begun its stack: the idle one, or one from the pool.
inline bool scheduler::equip(fiber& f) noexcept {
  if (equip_with_idle(f)) return true;
  bury_dead();
  const stack own = stacks_.acquire(f.stack_class);
  if (!own) [[unlikely]]
    return false;
  f.stack_top = own.top;
  f.ctx.prepare(stacks_.limit_of(own), own.top, &first_steps);
  f.kind = ready_kind::fiber;
  return true;
}

// `next_fiber` when no fiber that has begun stands in front. Hooks on the way are run where we stand.
[[gnu::noinline]] fiber& scheduler::search_next_fiber() noexcept {
  fiber* const self = std::exchange(current_, nullptr);
  for (;;) {
    if (pass_last_ == nullptr && !renew_pass()) return loop_;
    ready_node& n = ready_.front();
    switch (n.kind) {
      case ready_kind::fiber:
        return static_cast<fiber&>(pop());
      case ready_kind::new_fiber:
        if (!equip(static_cast<fiber&>(n))) [[unlikely]] {
          return loop_;  // and there its owner is told why: that may run a user's code
        }
        return static_cast<fiber&>(pop());
      case ready_kind::hook:
        static_cast<hook&>(pop()).run(static_cast<hook&>(n));
        break;
      case ready_kind::call:
      case ready_kind::coroutine:
      case ready_kind::new_coroutine:
      case ready_kind::asking_coroutine:
        return loop_;
      case ready_kind::guest:
        return &n == &guest_mark_ ? suspend_guest(*self) : loop_;
    }
  }
}

void scheduler::first_steps(arrival from) {
  scheduler& s = *this_scheduler;
  s.current_->ctx.arrive(from);
  s.run_fibers();
}

// The life of a stack: runs a fiber to its end, and then, when the next in the queue has not begun either, that one,
// without a jump: a million tasks that never wait run on one warm stack. Otherwise it idles until one begins; a second
// idle stack goes back to the pool.
void scheduler::run_fibers() noexcept {
  for (;;) {
    fiber& self = *current_;
    control_at_start_.restore();
    owner_->run(self);

    const stack own = self.own_stack();
    self.state = routine_state::finished;
    bury_dead();
    self.ctx.hand_stack_to(grave_);
    current_ = nullptr;
    owner_->release(self);  // it may be gone now
    stacks_.end_use();

    ready_node& front = ready_.front();
    if (pass_last_ != nullptr && front.kind == ready_kind::new_fiber && static_cast<fiber&>(front).stack_class == own.size_class) {
      auto& next = static_cast<fiber&>(pop());
      next.kind = ready_kind::fiber;
      next.stack_top = own.top;
      stacks_.begin_use();
      grave_.hand_stack_to(next.ctx);
      current_ = &next;
      continue;
    }
    fiber& next = next_fiber();
    current_ = &next;
    if (!idle_stack_) {
      idle_stack_ = own;
      grave_.hand_stack_to(idle_);
      idle_.jump(next.ctx, *exceptions_);
    } else {
      dead_ = own;
      grave_.jump_for_ever(next.ctx, *exceptions_);
    }
  }
}

void scheduler::bury_dead() noexcept {
  if (!dead_) return;
  grave_.bury();
  stacks_.put_back(std::exchange(dead_, stack{}));
}

void scheduler::drive() {
  if (observer_ != nullptr) {
    run_observed_pass();
  } else if (!ready_.empty()) {
    switches_left_ = static_cast<int>(patience_);
    pass_last_ = &ready_.back();
    run_pass();
  }
  bury_dead();
  if (abort_) {
    pass_last_ = nullptr;
    std::rethrow_exception(std::exchange(abort_, nullptr));
  }
}

// A pass of one node for each node of the pass: what they queue meanwhile belongs to the next one.
void scheduler::run_observed_pass() {
  ready_list pass;
  pass.take(ready_);
  if (!pass.empty()) observer_->begin_pass(pass);
  while (!pass.empty() && !abort_) {
    ready_node& n = observer_->choose(pass);
    pass.remove(n);
    ready_.push_front(n);
    pass_last_ = &n;
    switches_left_ = 0;
    observer_->begin_step(n);
    run_pass();
    observer_->end_step();
  }
  pass.take(ready_);
  ready_.take(pass);
}

// After one that was run from the loop's stack: it needs the loop no more often than fibers do that run one after the other.
inline void scheduler::count_turn() noexcept {
  if (--switches_left_ > 0 && pass_last_ == nullptr && !abort_) renew_pass();
}

// Inline, as all that is done at each step: a task that is awaited is two of them.
[[gnu::always_inline]] inline void scheduler::go_on(coroutine& c) noexcept {
  coroutine* const outer = std::exchange(coroutine_, &c);
  c.innermost.resume();
  coroutine_ = outer;
  if (c.state == routine_state::finished) owner_->finish(c);
}

[[gnu::always_inline]] inline void scheduler::begin(coroutine& c) noexcept {
  c.kind = ready_kind::coroutine;
  if (!c.cancel_pending) [[likely]]
    return go_on(c);
  c.cancel_pending = false;
  c.state = routine_state::finished;
  owner_->discard(c);
}

[[gnu::always_inline]] inline void scheduler::step(coroutine& c) noexcept {
  if (c.kind == ready_kind::new_coroutine) return begin(c);
  if (c.kind == ready_kind::coroutine || !owner_->waits_on(c)) go_on(c);
}

void scheduler::run_pass() {
  while (pass_last_ != nullptr && !abort_) {
    ready_node& n = pop();
    if (is_coroutine(n)) {
      step(static_cast<coroutine&>(n));
      count_turn();
      continue;
    }
    switch (n.kind) {
      case ready_kind::new_fiber: {
        auto& f = static_cast<fiber&>(n);
        if (!equip(f)) {
          std::exception_ptr why;
          try {
            stacks_.throw_exhausted(f.stack_class);
          } catch (...) {
            why = std::current_exception();
          }
          f.state = routine_state::finished;
          owner_->refuse(f, std::move(why));
          break;
        }
        [[fallthrough]];
      }
      case ready_kind::fiber: {
        auto& f = static_cast<fiber&>(n);
        current_ = &f;
        loop_.ctx.jump(f.ctx, *exceptions_);
        current_ = nullptr;  // was `loop_`
        break;
      }
      case ready_kind::hook:
        static_cast<hook&>(n).run(static_cast<hook&>(n));
        break;
      case ready_kind::call:
        in_callback_ = true;
        run_call_(*this, n);
        in_callback_ = false;
        break;
      case ready_kind::guest:
        guests_->run(static_cast<fiber&>(n));
        count_turn();
        break;
      case ready_kind::coroutine:
      case ready_kind::new_coroutine:
      case ready_kind::asking_coroutine:
        break;  // above
    }
  }
}

// --- Coroutines ---

// On the stack of whoever calls, which goes on when the coroutine suspends.
bool scheduler::start_now(coroutine& c) noexcept {
  if (!somebody_runs()) return false;
  fiber* const outer_host = std::exchange(host_, stack_owner());
  fiber* const outer = std::exchange(current_, nullptr);
  begin(c);
  host_ = outer_host;
  current_ = outer;
  return true;
}

void scheduler::abort_pass(std::exception_ptr error) noexcept {
  if (!abort_) abort_ = std::move(error);
  pass_last_ = guest_mark_.is_queued() ? &guest_mark_ : nullptr;
  ask_for_loop();
}

void scheduler::run_hooks() noexcept {
  ready_list fibers;
  while (!ready_.empty()) {
    ready_node& n = pop();
    if (n.kind == ready_kind::hook) {
      static_cast<hook&>(n).run(static_cast<hook&>(n));
    } else {
      fibers.push_back(n);
    }
  }
  while (!fibers.empty()) {
    ready_node& n = fibers.front();
    fibers.remove(n);
    ready_.push_back(n);
  }
}

// --- Guests ---

// A guest that suspends, as fibers do, has come across the mark: on its own stack, which only its own runtime can leave.
fiber& scheduler::suspend_guest(fiber& self) noexcept {
  ready_node* const second = guest_mark_.next;
  if (second == &self && (pass_last_ != &guest_mark_ || switches_left_ > 0)) {  // it yields, and nobody else wants a turn
    if (pass_last_ == &guest_mark_) pass_last_ = &ready_.back();
    remove(self);
    return self;
  }
  current_ = &self;
  guests_->suspend();
  return self;
}

// --- Starting at once ---

// The caller stands in front of the queue, as the pass's next: whatever the new fiber does, it is the caller that follows it.
bool scheduler::start_now(fiber& f) noexcept {
  if (!somebody_runs()) return false;
  // Nor after a guest, whose turns are somebody else's.
  fiber* const caller = stack_owner();
  if (caller != nullptr && caller->kind == ready_kind::guest) return false;
  if (!equip(f)) return false;
  fiber& self = caller != nullptr ? *caller : loop_;
  const bool is_fiber = current_ != nullptr;
  coroutine* const outer = std::exchange(coroutine_, nullptr);
  fiber* const outer_host = std::exchange(host_, nullptr);
  const bool outer_call = std::exchange(in_callback_, false);
  ready_.push_front(self);
  if (pass_last_ == nullptr) pass_last_ = &self;
  current_ = &f;
  self.ctx.jump(f.ctx, *exceptions_);
  if (&self == &loop_ && self.is_queued()) remove(self);  // the pass was broken off, and so the loop came back without its turn
  if (!is_fiber) current_ = nullptr;
  in_callback_ = outer_call;
  host_ = outer_host;
  coroutine_ = outer;
  return true;
}

// --- Suspending ---

NAKH_RESUMES_ELSEWHERE void scheduler::give_turn() {
  fiber& self = *current_;
  push(self);
  switch_from(self);
  if (self.cancel_pending) [[unlikely]]
    deliver_cancellation(self);
}

void throw_is_coroutine() {
  throw usage_error("nakh: a coroutine cannot wait in an ordinary call; use co_await with what nakh::stackless has for it");
}

void throw_no_fiber(const char* sentence) {
  if (this_scheduler != nullptr && this_scheduler->current_coroutine() != nullptr) throw_is_coroutine();
  throw usage_error(sentence);
}

void scheduler::deliver_cancellation(fiber& self) {
  if (exceptions_->uncaught > 0) return;  // later: a second exception now would end the program
  throw_pending(self);
}

void scheduler::throw_pending(routine& self) {
  self.cancel_pending = false;
  throw cancelled_error(this_scheduler->owner_->cancel_reason(self));
}

[[gnu::cold, gnu::noinline]] void scheduler::offer_pending(routine& parked) noexcept {
  lowlevel::wait_op& op = *parked.parked_in;
  if (op.kind->abort != nullptr && op.kind->abort(op)) parked.cancel_pending = false;
}

void scheduler::cancel(routine& r) noexcept {
  if (r.state == routine_state::parked && r.parked_in->kind->abort != nullptr && !is_unwinding(r) && r.parked_in->kind->abort(*r.parked_in))
    return;
  r.cancel_pending = true;
}

}  // namespace nakh::detail

// --- The public face ---

namespace nakh::lowlevel {

namespace {

detail::scheduler& scheduler_here() {
  detail::scheduler* const s = detail::this_scheduler;
  if (s == nullptr) throw usage_error("nakh: no loop runs in this thread; call this inside nakh::run");
  return *s;
}

}  // namespace

NAKH_RESUMES_ELSEWHERE void park(wait_op& op) { scheduler_here().park(op); }

void throw_cancelled() {
  const detail::routine* const r = detail::this_scheduler != nullptr ? detail::this_scheduler->current_routine() : nullptr;
  throw cancelled_error(r != nullptr ? detail::this_scheduler->owner().cancel_reason(*r) : detail::shared_text());
}

waker::waker(const waker& other) noexcept : routine_(other.routine_), scheduler_(other.scheduler_), epoch_(other.epoch_) {
  if (routine_ != nullptr) scheduler_->owner().add_ref(*routine_);
}

waker::waker(waker&& other) noexcept
    : routine_(std::exchange(other.routine_, nullptr)), scheduler_(other.scheduler_), epoch_(other.epoch_) {}

waker& waker::operator=(waker other) noexcept {
  std::swap(routine_, other.routine_);
  std::swap(scheduler_, other.scheduler_);
  std::swap(epoch_, other.epoch_);
  return *this;
}

waker::~waker() {
  if (routine_ != nullptr) scheduler_->owner().release(*routine_);
}

waker waker::for_next_park() {
  detail::routine* const r = scheduler_here().current_routine();
  if (r == nullptr) throw usage_error("nakh: only a task can be woken, and this is none; wrap the code in nakh::async");
  waker w;
  w.routine_ = r;
  w.scheduler_ = detail::this_scheduler;
  w.epoch_ = r->epoch + 1;
  w.scheduler_->owner().add_ref(*r);
  return w;
}

bool waker::wake() noexcept {
  if (routine_ == nullptr || routine_->epoch != epoch_ || routine_->state != detail::routine_state::parked) return false;
  scheduler_->unpark(*routine_);
  return true;
}

}  // namespace nakh::lowlevel
