// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "reactor.hpp"
#include "scheduler.hpp"
#include "timer_queue.hpp"

#include <nakh/detail/call.hpp>
#include <nakh/detail/ring_link.hpp>
#include <nakh/loop.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <string>

namespace nakh::detail {

class future_state;

/// Throws the `usage_error` of a closed loop.
[[noreturn]] void throw_closed();

/// The way into a loop from other threads. Outlives the loop: whoever may come late holds a share of it.
/// @par Thread safety  Any thread.
class loop_door {
 public:
  explicit loop_door(loop_core& behind) noexcept : loop_(&behind) {}
  /// Queues the call in the loop, which takes the reference over, and wakes the loop. False when the door is shut: the
  /// reference is still the caller's.
  [[nodiscard]] bool post(call_node& owned) noexcept;
  /// Nothing comes in any more; and nobody is on its way through when this returns.
  void shut() noexcept;

 private:
  // Those who post share it, so that none waits for another; the loop takes it alone, once. Without it, a call that ends
  // the loop could run while the thread that posted it is still about to wake the loop.
  std::shared_mutex mutex_;
  loop_core* loop_;
};

/// What a loop has with other threads, apart from being called by them. Made by their layer when it is first needed.
class thread_side {
 public:
  virtual ~thread_side() = default;
  /// Waits until the default executor has done its work, for `limit` at most; the loop runs meanwhile.
  virtual void shut_down(loop_core& loop, delay limit) = 0;
  /// The loop is closed: what is still under way outside comes back to nobody.
  virtual void leave(loop_core& loop) noexcept = 0;
};

/// What debug mode and tracing add to a loop: made when debug mode is first switched on, and kept. See debug.cpp, trace.cpp.
class debug_side {
 public:
  virtual ~debug_side() = default;
  /// Looks on at the pass that comes, or no longer.
  virtual void before_pass() noexcept = 0;
  /// Where a future was created: no more is known of it, and only in debug mode.
  virtual void set_origin(const future_state& of, const source_location& where) = 0;
  [[nodiscard]] virtual source_location origin(const future_state& of) const noexcept = 0;
  virtual void forget_origin(const future_state& of) noexcept = 0;
};

/// @throws std::bad_alloc
[[nodiscard]] std::unique_ptr<debug_side> make_debug_side(loop_core& loop);
/// What `NAKH_DEBUG` says.
[[nodiscard]] bool environment_wants_debug_mode() noexcept;
/// Whether `NAKH_TRACE` names a file.
[[nodiscard]] bool environment_wants_trace() noexcept;

/// What stands behind an `event_loop`. Futures refer to it and may outlive the loop: counted references.
struct loop_core {
  loop_core(event_loop& owner, const loop_options& options);
  loop_core(const loop_core&) = delete;
  loop_core& operator=(const loop_core&) = delete;

  void add_ref() noexcept { ++refs; }
  void release() noexcept {
    if (--refs == 0) delete this;
  }

  [[nodiscard]] time_point time() const noexcept { return virtual_time != nullptr ? virtual_time->now() : steady_now(); }
  /// Arms `t`; a deadline that has passed is looked at before the next pass.
  void arm(timer& t, time_point deadline);
  /// Arms `t` for `d` from now in the machine's time, also when the loop's own time is virtual.
  void arm_real(timer& t, delay d);
  void disarm_real(timer& t) noexcept { (virtual_time != nullptr ? real_timers : timers).cancel(t); }
  /// Puts a call into the queue, which takes the reference over.
  void push_call(call_node& owned) noexcept {
    keep_order();
    sched.push(owned);
  }
  void push_from_other_thread(call_node& owned) noexcept;
  /// Before something is queued: what this thread gave to call_soon_threadsafe while no loop ran in it comes first.
  void keep_order() noexcept {
    if (!running.load(std::memory_order_relaxed)) take_inbox();
  }

  /// The hook becomes ready as soon as nothing else is, before a virtual clock jumps.
  void run_when_idle(hook& h) noexcept;

  void run_forever();
  void close();
  /// @throws usage_error
  void require_open() const {
    if (closed.load(std::memory_order_relaxed)) [[unlikely]]
      throw_closed();
  }
  void require_can_run() const;
  /// In debug mode: another thread that runs this loop would not see what `function` does here, or see half of it.
  /// @throws usage_error
  void require_own_thread(const char* function) const {
    // Relaxed: whoever turns it on has nothing to publish.
    if (debug.load(std::memory_order_relaxed)) [[unlikely]]
      check_own_thread(function);
  }
  /// Hands to the exception handler; never throws.
  void report(const exception_context& context) noexcept;
  void report_handler_error() noexcept;
  void report_call_error(const call_node& call) noexcept;

  loop_core* next_loop = nullptr;  ///< Of all in the process; guarded as `first_loop`.
  loop_core* prev_loop = nullptr;
  event_loop* facade;  ///< Null when the event_loop is gone.
  scheduler sched;
  timer_queue timers;
  timer_queue real_timers;  ///< In the machine's time, when the loop's own is virtual; else not used.
  reactor io{[this] { report_handler_error(); }};
  virtual_clock* virtual_time;
  ring_link tasks;       ///< Head of the ring of unfinished tasks.
  ring_link generators;  ///< Head of the ring of generators that have begun and not ended.
  ready_list when_idle;  ///< What was given to `run_when_idle`.
  /// Counts how often the loop had control. A task that asks for it (`ask_for_loop`) before it suspends does not go on before that.
  std::uint64_t rounds = 0;
  /// What the loop asks of its unfinished tasks when it is closed; set by their layer when the first one is made.
  void (*report_tasks)(loop_core&) noexcept = nullptr;
  void (*cancel_tasks)(loop_core&) noexcept = nullptr;
  call_node* calling = nullptr;  ///< The callback that runs.
  /// Starts a task for each open generator, which closes it; set by their layer when the first one begins.
  void (*close_generators)(loop_core&) noexcept = nullptr;
  const std::shared_ptr<loop_door> door;
  std::unique_ptr<thread_side> threads;  ///< Null until other threads work for the loop.
  const void* for_debuggers = nullptr;   ///< Makes a linker keep what they look for.
  /// While a main task or future is run: throws the error that says that it cannot end any more.
  void (*throw_deadlock)(const loop_core&) = nullptr;
  deadlock_detection deadlocks;
  /// Jobs that are under way outside of the loop and will wake it when they end: how many. While there are any, virtual
  /// time stands still, and a loop that waits is not stuck. The loop's thread only.
  unsigned int outside_work = 0;
  /// Operations of the reactor that tasks wait for. Most on a machine's own sockets end at once, so virtual time gives them a
  /// moment before it jumps; but one that waits for a peer's next request must not hold it up. The loop's thread only.
  unsigned int io_under_way = 0;
  unsigned int default_stack_class;
  int thread = 0;                     ///< That ran it last, by the system's number.
  std::atomic<bool> running = false;  ///< Only debug mode looks at it from other threads.
  bool eager_start;
  bool stopping = false;
  std::atomic<bool> closed = false;
  std::atomic<bool> debug;
  std::unique_ptr<debug_side> debugging;  ///< Null until debug mode is on for the first time, or a trace is written.
  duration slow_step = std::chrono::milliseconds(100);
  std::shared_ptr<const event_loop::slow_callback_handler> on_slow_step;  ///< Null: print.
  std::shared_ptr<const event_loop::exception_handler> on_exception;      ///< Null: print. Shared, since it may replace itself.

 private:
  ~loop_core();
  void check_own_thread(const char* function) const;
  void run_once();
  void look_around(bool may_block);
  void adapt_patience(duration since_last_look) noexcept;
  bool wait_for_events();
  bool block(std::optional<time_point> deadline);
  enum class prospect { nothing, something, has_come };
  [[nodiscard]] bool expects_io() const noexcept { return io_under_way > 0 || io.watches_descriptors(); }
  [[nodiscard]] prospect what_can_come();
  void take_inbox() noexcept;
  static void drop_call(ready_node& n) noexcept;
  void drop_calls() noexcept;
  void finish_tasks();

  long refs = 1;
  virtual_clock own_clock_;  ///< Used when the environment asks for virtual time.
  time_point last_look_{};
  time_point last_poll_{};
  time_point deadlock_look_at_{};  ///< On the machine's clock: not before, since it takes a while.
  unsigned int busy_passes_ = 0;
  bool asio_had_something_ = true;           ///< When it was asked last.
  std::atomic<call_node*> inbox_ = nullptr;  ///< Calls from other threads, newest first.
  std::atomic<bool> waiting_ = false;        ///< The loop is about to block, or blocks: wake it.
};

/// The latest of the process's loops, for a debugger.
extern loop_core* first_loop;

/// The loop that runs in this thread, or null.
extern thread_local constinit loop_core* this_loop __attribute__((tls_model("initial-exec")));

}  // namespace nakh::detail
