// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "coroutine.hpp"
#include "fiber.hpp"

#include <nakh/lowlevel.hpp>

#include <cassert>
#include <cstddef>
#include <exception>
#include <utility>

namespace nakh::detail {

/// The ready queue: first in, first out, and removal from anywhere.
class ready_list {
 public:
  ready_list() noexcept : ends_(ready_kind::hook) { ends_.next = ends_.prev = &ends_; }

  [[nodiscard]] bool empty() const noexcept { return ends_.next == &ends_; }
  // NOLINTNEXTLINE(clang-analyzer-*): it does not see that a node leaves the list before it is freed
  [[nodiscard]] ready_node& front() noexcept { return *ends_.next; }
  [[nodiscard]] ready_node& back() noexcept { return *ends_.prev; }
  [[nodiscard]] bool is_front(const ready_node& n) const noexcept { return ends_.next == &n; }

  void push_back(ready_node& n) noexcept {
    ready_node* const last = ends_.prev;
    n.next = &ends_;
    n.prev = last;
    last->next = &n;
    ends_.prev = &n;
  }
  void push_front(ready_node& n) noexcept {
    ready_node* const first = ends_.next;
    n.prev = &ends_;
    n.next = first;
    first->prev = &n;
    ends_.next = &n;
  }
  /// Takes over all that is in `other`, at the end.
  void take(ready_list& other) noexcept {
    if (other.empty()) return;
    ends_.prev->next = other.ends_.next;
    other.ends_.next->prev = ends_.prev;
    other.ends_.prev->next = &ends_;
    ends_.prev = other.ends_.prev;
    other.ends_.next = other.ends_.prev = &other.ends_;
  }
  /// Takes out `n`, which is the first.
  void pop_front(ready_node& n) noexcept {
    ready_node* const second = n.next;
    second->prev = &ends_;
    ends_.next = second;
    n.next = nullptr;
  }
  void remove(ready_node& n) noexcept {
    n.prev->next = n.next;
    n.next->prev = n.prev;  // NOLINT(clang-analyzer-*): nor that what is in the list has both neighbours
    n.next = nullptr;
  }

 private:
  ready_node ends_;
};

/// Looks on while a scheduler runs one node after the other: for debugging and testing.
class step_observer {
 public:
  step_observer() = default;
  step_observer(const step_observer&) = delete;
  step_observer& operator=(const step_observer&) = delete;

  /// A pass begins. Nodes may be taken out of it and pushed again: they belong to the next pass then.
  virtual void begin_pass(ready_list&) noexcept {}
  /// Which node of those that are left of the pass runs next: the first, unless this is overridden.
  [[nodiscard]] virtual ready_node& choose(ready_list& pass) noexcept { return pass.front(); }
  /// Before a node runs: a fiber or a coroutine until it suspends or ends, a hook, or a callback.
  virtual void begin_step(ready_node& node) noexcept = 0;
  /// After it: the node may be gone by now.
  virtual void end_step() noexcept = 0;
  /// Nothing can run and no timer is set: only the outside world could wake anything now. True: the loop does not wait
  /// for it, and looks again.
  [[nodiscard]] virtual bool is_stuck() noexcept { return false; }

 protected:
  ~step_observer() = default;
};

/// Another runtime, whose fibers ("guests") take turns in this queue and wait as fibers do. To the scheduler a guest is a fiber
/// without a stack, of kind `guest`: whenever it would have to jump to or from one, it asks here.
class guest_switch {
 public:
  guest_switch() = default;
  guest_switch(const guest_switch&) = delete;
  guest_switch& operator=(const guest_switch&) = delete;

  /// On the loop's own stack: lets the guest run. Returns when no guest runs any more.
  virtual void run(fiber& guest) noexcept = 0;
  /// On the stack of the guest that runs: suspends it. Returns when it is let run again.
  virtual void suspend() noexcept = 0;

 protected:
  ~guest_switch() = default;
};

/// Runs the fibers and coroutines of one thread: takes turns, parks and wakes. Never blocks, and knows no task, timer or socket.
///
/// A turn of the queue is a *pass*: what was in it when the pass began. A fiber that suspends takes the next node from
/// the queue and, when that is a fiber, jumps straight to it. The loop's own stack gets control (`drive` goes on) for
/// a user's callback, for a coroutine, for the end of a pass when the loop wants to look around, and when the queue is empty.
class scheduler {
 public:
  /// `run_call` runs a node of kind `call` on the loop's stack; it handles what the callback throws.
  scheduler(std::size_t max_stacks, void (*run_call)(scheduler&, ready_node&)) noexcept;

  ~scheduler();
  scheduler(const scheduler&) = delete;
  scheduler& operator=(const scheduler&) = delete;

  // --- For everything that wakes something up ---

  void push(ready_node& n) noexcept {
    assert(!n.is_queued() && "a node can be in the ready queue once only");
    ready_.push_back(n);
  }
  /// The same with all that is in `nodes`.
  void push_all(ready_list& nodes) noexcept { ready_.take(nodes); }
  /// Takes a queued node out again.
  void remove(ready_node& n) noexcept {
    if (&n == pass_last_) pass_last_ = ready_.is_front(n) ? nullptr : n.prev;
    ready_.remove(n);
  }
  /// Makes a parked routine ready: it runs in the next pass.
  void unpark(routine& r) noexcept {
    assert(r.state == routine_state::parked && "only a parked one can be woken");
    r.state = routine_state::ready;
    push(r);
  }
  /// Requests a cancellation: offers it to what the routine is parked in, or leaves it pending.
  void cancel(routine& r) noexcept;
  /// @throws cancelled_error  when one is pending for the running `self` and may be delivered now
  void deliver_pending(routine& self) const {
    if (self.cancel_pending && exceptions_->uncaught == 0) [[unlikely]]
      throw_pending(self);
  }
  /// Who runs now; null: neither a fiber nor a coroutine.
  [[nodiscard]] routine* current_routine() const noexcept {
    return current_ != nullptr ? static_cast<routine*>(current_) : static_cast<routine*>(coroutine_);
  }

  // --- For the running fiber: see switching.hpp ---

  /// Null also while a coroutine runs.
  [[nodiscard]] fiber* current() const noexcept { return current_; }
  void park(lowlevel::wait_op& op);
  /// There must be a running fiber.
  void yield();
  /// Runs a fiber that has not begun up to its first suspension or its end; then whoever called goes on, a task or a callback,
  /// before anything else. False, and nothing has happened, when it is neither that calls, or there is no stack for it.
  bool start_now(fiber& f) noexcept;
  bool start_now(coroutine& c) noexcept;
  /// Of whoever runs in this thread.
  [[nodiscard]] exception_state& exceptions() noexcept { return *exceptions_; }

  // --- For the running coroutine ---

  /// The running coroutine; null when it is a fiber that runs, or nobody.
  [[nodiscard]] coroutine* current_coroutine() const noexcept { return current_ == nullptr ? coroutine_ : nullptr; }
  /// The fiber on whose stack everything runs now: the current one, or one that has started a coroutine at once; null: the loop's.
  [[nodiscard]] fiber* stack_owner() const noexcept { return current_ != nullptr ? current_ : host_; }
  /// It waits from now on: whoever calls this is `self`, and returns to `run_pass` next. `resume` is how it goes on.
  void park(coroutine& self, lowlevel::wait_op& op, std::coroutine_handle<> resume) noexcept {
    assert(self.state == routine_state::ready && "a task waits in one place at a time");
    ++self.epoch;
    self.state = routine_state::parked;
    self.parked_in = &op;
    self.innermost = resume;
    if (self.cancel_pending) [[unlikely]]
      offer_pending(self);
  }
  /// Nobody else wants a turn: one may be skipped.
  [[nodiscard]] bool skip_turn() noexcept {
    if (!ready_.empty() || switches_left_ <= 1) return false;
    --switches_left_;
    return true;
  }
  /// It goes on in the next pass.
  void yield(coroutine& self, std::coroutine_handle<> resume) noexcept {
    self.innermost = resume;
    push(self);
  }
  /// It has ended, and its frame is destroyed next. Nobody runs meanwhile: whoever does could wait, and this one cannot any more.
  void end_coroutine() noexcept { std::exchange(coroutine_, nullptr)->state = routine_state::finished; }
  /// It goes on. @throws cancelled_error  a cancellation that is pending
  static void arrive(routine& self) {
    if (self.cancel_pending) [[unlikely]]
      throw_pending(self);
  }

  // --- For another runtime, whose fibers are guests here: see guest_switch ---

  void set_guest_switch(guest_switch* guests) noexcept { guests_ = guests; }
  /// `g` runs from now on.
  void begin_guest(fiber& g) noexcept {
    current_ = &g;
    if (guest_mark_.is_queued()) return;
    ready_.push_front(guest_mark_);
    if (pass_last_ == nullptr) pass_last_ = &guest_mark_;
  }
  /// The guest that runs has to stop, or has: the one that has the next turn, which runs now. Null: somebody else has it, or the
  /// loop wants control. No guest runs then, though it may again before `end_guests`.
  [[nodiscard]] fiber* next_guest() noexcept {
    current_ = nullptr;
    --switches_left_;
    if (!guest_mark_.is_queued()) return nullptr;
    ready_node& second = *guest_mark_.next;
    if (second.kind != ready_kind::guest) return nullptr;
    if (pass_last_ == &guest_mark_) {  // the pass is over
      if (switches_left_ <= 0) return nullptr;
      pass_last_ = &ready_.back();
    }
    remove(second);
    prefetch_behind(guest_mark_);
    current_ = &static_cast<fiber&>(second);
    return current_;
  }
  /// None runs for the moment, before `next_guest` or `end_guests`.
  void stop_guest() noexcept { current_ = nullptr; }
  /// It is for the loop to go on.
  void end_guests() noexcept {
    current_ = nullptr;
    if (guest_mark_.is_queued()) remove(guest_mark_);
  }
  /// Whoever is interrupted by a guest that runs at once, on the loop's or a fiber's stack.
  struct interrupted {
    fiber* current = nullptr;
    coroutine* running_coroutine = nullptr;
    bool in_callback = false;
  };
  [[nodiscard]] interrupted interrupt_for(fiber& g) noexcept {
    const interrupted who{std::exchange(current_, nullptr), std::exchange(coroutine_, nullptr), std::exchange(in_callback_, false)};
    begin_guest(g);
    return who;
  }
  void end_interruption(const interrupted& who) noexcept {
    end_guests();
    current_ = who.current;
    coroutine_ = who.running_coroutine;
    in_callback_ = who.in_callback;
  }

  // --- For the loop ---

  /// This thread runs this scheduler from now on.
  void enter() noexcept;
  void leave_thread() noexcept;

  [[nodiscard]] bool idle() const noexcept { return ready_.empty(); }
  /// Runs one pass, and more while `ask_for_loop` was not called and not too many switches were made.
  void drive();
  /// `observer` looks on from the next `drive` on; null: nobody. Each step then begins and ends on the loop's stack.
  void set_observer(step_observer* observer) noexcept { observer_ = observer; }
  [[nodiscard]] step_observer* observer() const noexcept { return observer_; }
  /// Shows the queued nodes to it, the latest first, as long as `look` gives back true.
  template <class Look>
  void look_back(Look&& look) {
    if (ready_.empty()) return;
    for (ready_node* n = &ready_.back(); look(*n) && !ready_.is_front(*n);) n = n->prev;
  }
  /// The loop wants control at the end of this pass.
  void ask_for_loop() noexcept { switches_left_ = 0; }
  /// How many switches may be made before the loop gets control at the end of a pass; 0: after each pass.
  void set_patience(unsigned int switches) noexcept { patience_ = switches; }
  [[nodiscard]] unsigned int patience() const noexcept { return patience_; }
  /// Ends `drive` as soon as the current step ends: what is queued stays for the next run. `drive` throws `error`.
  void abort_pass(std::exception_ptr error) noexcept;
  /// Takes the user's callbacks out of the queue, in order; fibers and hooks stay.
  template <class Function>
  void remove_calls(Function&& take) noexcept {
    ready_list kept;
    while (!ready_.empty()) {
      ready_node& n = pop();
      if (n.kind == ready_kind::call) {
        take(n);
      } else {
        kept.push_back(n);
      }
    }
    while (!kept.empty()) {
      ready_node& n = kept.front();
      kept.remove(n);
      ready_.push_back(n);
    }
    pass_last_ = nullptr;
  }

  /// Runs the hooks that are left in the queue; fibers stay.
  void run_hooks() noexcept;

  /// Whose routines it runs: set before the first one is pushed.
  void set_owner(const routine_owner& tasks) noexcept { owner_ = &tasks; }
  [[nodiscard]] const routine_owner& owner() const noexcept { return *owner_; }

  /// Makes sure that a fiber of the class can have a stack. @throws stack_exhausted
  void ensure_stack(unsigned int size_class) {
    if (idle_stack_ && idle_stack_.size_class == size_class) return;
    bury_dead();
    stacks_.ensure(size_class);
  }
  /// A stack for something else than a fiber, to be released to `stacks()`. @throws stack_exhausted
  [[nodiscard]] stack take_stack(unsigned int size_class);
  [[nodiscard]] stack_pool& stacks() noexcept { return stacks_; }
  [[nodiscard]] const stack_pool& stacks() const noexcept { return stacks_; }
  [[nodiscard]] stack_statistics statistics() const noexcept;

 private:
  void run_pass();
  void run_observed_pass();
  friend debugger_view;
  static void first_steps(arrival from);
  [[noreturn]] void run_fibers() noexcept;
  fiber& next_fiber() noexcept;
  fiber& search_next_fiber() noexcept;
  fiber& suspend_guest(fiber& self) noexcept;
  void switch_from(fiber& self) noexcept;
  void bury_dead() noexcept;
  bool equip_with_idle(fiber& f) noexcept;
  bool equip(fiber& f) noexcept;
  bool renew_pass() noexcept;
  void count_turn() noexcept;
  ready_node& pop() noexcept {
    ready_node& n = ready_.front();
    if (&n == pass_last_) pass_last_ = nullptr;
    ready_.pop_front(n);
    return n;
  }
  // Between two fibers, on the stack of the one that was left, there is nobody who could go on after another one.
  [[nodiscard]] bool somebody_runs() const noexcept { return current_ != nullptr || coroutine_ != nullptr || in_callback_; }
  /// The guest that follows `n` in the queue is the next to run, and the node that follows it comes after that.
  [[gnu::always_inline]] static void prefetch_behind(const ready_node& n) noexcept {
    const ready_node& follower = *n.next;
    if (follower.kind == ready_kind::guest) static_cast<const fiber&>(follower).ctx.prefetch_foreign();
    __builtin_prefetch(follower.next, 1);
    __builtin_prefetch(reinterpret_cast<const std::byte*>(follower.next) + 64, 1);
  }
  void give_turn();
  void deliver_cancellation(fiber& self);
  static void offer_pending(routine& parked) noexcept;
  [[noreturn]] static void throw_pending(routine& self);
  void step(coroutine& c) noexcept;
  void begin(coroutine& c) noexcept;
  void go_on(coroutine& c) noexcept;

  // What a switch touches stands first.
  fiber* current_ = nullptr;
  ready_node* pass_last_ = nullptr;  ///< The pass ends when this node has run; null between passes.
  ready_list ready_;
  exception_state* exceptions_ = nullptr;
  const routine_owner* owner_ = nullptr;
  int switches_left_ = 0;  ///< Until the loop gets control at the end of a pass; less than that in long ones.
  unsigned int patience_ = 0;
  float_control control_at_start_;
  fiber loop_;    ///< Stands for the loop's own stack.
  context idle_;  ///< A stack between two fibers: ready to run the next one that begins.
  stack idle_stack_;
  context grave_;  ///< Stands for a stack that was left for ever.
  stack dead_;     ///< That stack, until somebody on another one gives it back to the pool; null: none.
  std::exception_ptr abort_;
  coroutine* coroutine_ = nullptr;  ///< That runs, unless it has started a fiber, which does now.
  fiber* host_ = nullptr;           ///< On whose stack it runs; null: on the loop's own.
  bool in_callback_ = false;        ///< The loop's own stack runs, in a callback.
  step_observer* observer_ = nullptr;
  void (*run_call_)(scheduler&, ready_node&);
  guest_switch* guests_ = nullptr;
  ready_node guest_mark_{ready_kind::guest};  ///< The first in the queue while a guest runs, so that whoever suspends comes across it.
  stack_pool stacks_;
};

/// Throws the `usage_error` of a coroutine that calls what only a fiber can wait in.
[[noreturn]] void throw_is_coroutine();
/// The same; or, when it is none that runs here, a `usage_error` with this sentence.
[[noreturn]] void throw_no_fiber(const char* sentence);

/// The scheduler that runs in this thread, or null.
extern thread_local constinit scheduler* this_scheduler __attribute__((tls_model("initial-exec")));

}  // namespace nakh::detail
