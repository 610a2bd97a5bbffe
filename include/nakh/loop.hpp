// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>
#include <nakh/detail/call.hpp>
#include <nakh/detail/ref.hpp>
#include <nakh/error.hpp>
#include <nakh/source_location.hpp>
#include <nakh/time.hpp>

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace nakh {

template <class T>
class future;
template <class T>
class task;
class event_loop;
struct task_options;
class thread_pool;
struct slow_callback;

namespace detail {
struct loop_core;
}

/// What went wrong where nobody could be told: given to the loop's exception handler.
struct exception_context {
  std::string message;             ///< What happened, as a sentence's beginning: "Task exception was never retrieved".
  std::exception_ptr exception{};  ///< Null when there is none.
  std::string source{};            ///< Name of the task or callback concerned; empty when none is.
  source_location where{};         ///< Where that was created; line 0 when unknown.
};

/// When a loop that is about to wait for ever for its main task throws `deadlock_error` instead.
///
/// It does when no task is ready, no timer is set, nobody else has an operation under way in its reactor, no job of it
/// runs in a thread, and no signal has a handler of the program's own. The SIGINT that `run` watches does not count.
enum class deadlock_detection : unsigned char {
  automatic,  ///< If the process has one thread only: another one could call `call_soon_threadsafe`.
  off,
  always,  ///< Whatever threads there are: none of them will call.
};

/// Settings of a loop, fixed when it is made.
struct loop_options {
  /// Virtual time for tests; must outlive the loop. Null: the machine's steady clock, or virtual time all the same
  /// when the environment says `NAKH_CLOCK=virtual`.
  virtual_clock* clock = nullptr;
  /// Most stacks of each size that may be in use at the same time. Costs address space only.
  std::size_t max_stacks = 1u << 20;
  /// Usable bytes of a task's stack when its options do not say; only touched pages cost memory.
  std::size_t stack_size = 256 * 1024;
  /// When to look whether every task waits for ever.
  deadlock_detection deadlocks = deadlock_detection::automatic;
  /// Tasks begin at once, when they are made, unless their own options say otherwise.
  bool eager_start = false;
  /// Debug mode, see `event_loop::set_debug`. Nothing: as the environment says, where `NAKH_DEBUG` turns it on unless it is
  /// empty or `0`.
  std::optional<bool> debug = std::nullopt;
};

/// A callback that was given to a loop. Copies refer to the same callback; dropping a handle does not cancel it.
/// @par Thread safety  The loop's thread only.
/// @par Source         asyncio.Handle (CPython 3.14).
class NAKH_API handle {
 public:
  /// For the library.
  explicit handle(detail::ref<detail::call_node> node) noexcept : node_(std::move(node)) {}
  /// The callback will not run. Does nothing when it has run, runs now or was cancelled before.
  /// @par Thread safety  The loop's thread; any thread when it comes from `call_soon_threadsafe` (T-thr-11).
  void cancel() noexcept;
  /// Whether it was cancelled before it ran.
  [[nodiscard]] bool cancelled() const noexcept { return node_->cancelled(); }

 protected:
  detail::ref<detail::call_node> node_;
};

/// A callback behind a timer.
/// @par Thread safety  The loop's thread only.
/// @par Source         asyncio.TimerHandle (CPython 3.14).
class NAKH_API timer_handle : public handle {
 public:
  /// For the library.
  using handle::handle;
  /// The deadline that was asked for.
  [[nodiscard]] time_point when() const noexcept { return node_->deadline; }
};

/// Runs the tasks and callbacks of one thread, and waits for the outside world in between.
///
/// Most programs need none by name: `nakh::run` makes one. At most one loop runs in a thread at a time; loops of
/// different threads know nothing of each other.
/// @par Thread safety  The thread that runs it, apart from `call_soon_threadsafe`.
/// @par Source         asyncio's event loop (CPython 3.14).
class NAKH_API event_loop {
 public:
  /// With settings of its own, or the usual ones.
  /// @throws std::system_error      when the system gives no descriptors for it.
  /// @throws std::invalid_argument  for a stack size that cannot be.
  event_loop() : event_loop(loop_options{}) {}
  explicit event_loop(loop_options options);
  /// Closes it.
  ~event_loop();
  event_loop(const event_loop&) = delete;
  event_loop& operator=(const event_loop&) = delete;

  /// Runs until `stop`.
  /// @throws usage_error  when it is closed, or a loop runs in this thread already.
  /// @throws fatal_error  that a task or callback threw; also whatever an exception handler lets out.
  void run_forever();
  /// Runs until the future or task is done, and returns its result or throws its error.
  /// @throws usage_error  as `run_forever`; when stopped before (the task stays pending and a later run goes on with
  ///                      it); when the future belongs to another loop.
  template <class T>
  T run_until_complete(const future<T>& f);
  /// Makes `f` a task and runs until it is done.
  template <class F>
    requires std::is_invocable_v<std::decay_t<F>&&>
  auto run_until_complete(F&& f, source_location where = source_location::current());
  /// Ends `run_forever` after the pass that runs now (T-loop-05); before a run: the run makes one pass.
  void stop() noexcept;
  /// Whether it runs now.
  [[nodiscard]] bool is_running() const noexcept;
  /// Drops callbacks and timers unrun. Tasks that are still pending are reported, cancelled and run to their ends; then
  /// generators that are still open are closed.
  /// Closing again does nothing.
  /// @throws usage_error  while it runs.
  void close();
  /// Whether it was closed.
  [[nodiscard]] bool is_closed() const noexcept;

  /// Queues `f` behind what is ready now; it runs in the next pass, on the loop's own stack (it may not wait).
  /// @throws usage_error     when the loop is closed; in debug mode, when another thread runs it (T-dbg-07).
  /// @throws std::bad_alloc
  /// @par Complexity  O(1), one pooled block.
  template <class F>
  handle call_soon(F&& f, source_location where = source_location::current()) {
    return handle(call_soon_node(detail::make_call(std::forward<F>(f), where)));
  }
  /// As `call_soon`, from any thread: wakes the loop when it sleeps. Calls of one thread keep their order. The loop may end,
  /// and go, by what the callback does while this function returns.
  template <class F>
  handle call_soon_threadsafe(F&& f, source_location where = source_location::current()) {
    return handle(call_soon_threadsafe_node(detail::make_call(std::forward<F>(f), where)));
  }
  /// Runs `f` after `d`, at the earliest in the next pass.
  /// @par Complexity  O(log timers).
  template <class F>
  timer_handle call_later(delay d, F&& f, source_location where = source_location::current()) {
    return call_at(after(time(), d), std::forward<F>(f), where);
  }
  /// Runs `f` at `deadline`; timers with equal deadlines fire in the order in which they were set.
  template <class F>
  timer_handle call_at(time_point deadline, F&& f, source_location where = source_location::current()) {
    return timer_handle(call_at_node(deadline, detail::make_call(std::forward<F>(f), where)));
  }
  /// The loop's clock.
  [[nodiscard]] time_point time() const noexcept;

  /// A pending future of this loop. In debug mode its reports say that it was created at `where` (T-dbg-10).
  /// @throws usage_error  when the loop is closed.
  /// @throws std::bad_alloc
  template <class T>
  [[nodiscard]] future<T> create_future(source_location where = source_location::current());
  /// As `nakh::async`, on this loop, which need not run yet.
  template <class F>
  [[nodiscard("keep the handle: without it the task's error is only reported")]] task<std::invoke_result_t<std::decay_t<F>&&>> create_task(
      F&& f, source_location where = source_location::current());
  /// The same with options.
  template <class F>
  [[nodiscard("keep the handle: without it the task's error is only reported")]] task<std::invoke_result_t<std::decay_t<F>&&>> create_task(
      task_options options, F&& f);
  /// Whether tasks begin at once from now on: `loop_options::eager_start`.
  /// @par Source  asyncio.eager_task_factory (CPython 3.12).
  void set_eager_start(bool eager) noexcept;

  /// Calls `f` in a thread of the default executor, and returns a future of its result. Cancelling the future takes back
  /// what has not begun; what runs goes on, and its result is dropped (T-thr-05). Defined in nakh/thread.hpp.
  /// @throws usage_error        when the loop is closed, or the executor was shut down (T-thr-08).
  /// @throws std::system_error  when no thread at all can be started.
  /// @throws std::bad_alloc
  template <class F>
    requires std::is_invocable_v<std::decay_t<F>&&>
  [[nodiscard("await the future, or the function's error is only reported")]] future<std::invoke_result_t<std::decay_t<F>&&>>
  run_in_executor(F&& f);
  /// The same in a thread of `pool`, for whose jobs the end of `run` does not wait.
  template <class F>
    requires std::is_invocable_v<std::decay_t<F>&&>
  [[nodiscard("await the future, or the function's error is only reported")]] future<std::invoke_result_t<std::decay_t<F>&&>>
  run_in_executor(thread_pool& pool, F&& f);
  /// Where `to_thread` and `run_in_executor` run functions from now on. Without it, a pool of as many threads as the machine
  /// has processors and 4 more, 32 at most, is made when it is first needed. The loop does not wait for the earlier one.
  /// @throws std::invalid_argument  when `pool` is null.
  /// @throws usage_error            when the loop is closed.
  void set_default_executor(std::shared_ptr<thread_pool> pool);
  /// Shuts the default executor down, and suspends the current task until all its jobs have ended, for `limit` of the
  /// machine's time at most (in virtual time too). Beyond it a warning goes to the exception handler, and threads that still
  /// work are left alone. `run` does this at its end.
  /// @throws usage_error      outside a task of this loop.
  /// @throws cancelled_error  when the task is cancelled; the executor is shut down all the same.
  /// @par Source  asyncio's loop.shutdown_default_executor (CPython 3.12).
  void shutdown_default_executor(delay limit = duration::max());

  /// Closes all generators of this loop that have begun and not ended, all at once, each in a task of its own, and waits for
  /// that (T-agen-06). What goes wrong in one goes to the exception handler (T-agen-10). `run` does this at its end. Defined in
  /// nakh/generator.hpp's part of the library.
  /// @throws usage_error      outside a task of this loop.
  /// @throws cancelled_error  when the task is cancelled, which cancels what the generators do at their ends.
  /// @throws std::bad_alloc
  /// @par Suspends  Unless there is none.
  /// @par Source    asyncio's loop.shutdown_asyncgens (CPython 3.14).
  void shutdown_generators();

  /// Is called with errors that nobody else will see. None: they are printed to standard error. The handler must not
  /// wait; what it throws is printed (T-exc-03).
  using exception_handler = std::function<void(event_loop&, const exception_context&)>;
  /// From now on errors go to `handler`.
  void set_exception_handler(exception_handler handler);
  /// Hands `context` to the exception handler.
  void call_exception_handler(const exception_context& context) noexcept;
  /// Prints `context` to standard error.
  void default_exception_handler(const exception_context& context) noexcept;

  /// Debug mode: what costs too much for every day.
  ///
  /// A callback, or a step of a task from one suspension to the next, that holds the loop for `slow_callback_duration` or
  /// longer is reported with its stack at the moment when that time was over. `call_soon`, `call_later`, `call_at`,
  /// `create_task` and a future's `set_result` and `set_exception` throw `usage_error` in another thread than the one that
  /// runs the loop; `cancel`, which may not throw, ends the program with the same sentence. Reports about a future say where
  /// it was created. A step that is begun when this is called is not measured.
  ///
  /// The stack is taken in a handler of a real-time signal that has none yet, in the loop's thread. So a blocking system call
  /// of a slow step may be interrupted (EINTR), once.
  /// @throws std::bad_alloc
  /// @par Thread safety  The loop's thread only.
  /// @par Complexity     While it is on, each step costs a return to the loop and two looks at the clock: see `nakh/debug.hpp`.
  /// @par Source         asyncio's loop.set_debug (CPython 3.14). Differs: `NAKH_DEBUG=0` is off.
  void set_debug(bool on);
  /// Whether debug mode is on.
  [[nodiscard]] bool get_debug() const noexcept;
  /// From when on debug mode calls a step slow; 100 ms at first. Always in the machine's time.
  void set_slow_callback_duration(duration d) noexcept;
  /// From when on a step is slow.
  [[nodiscard]] duration slow_callback_duration() const noexcept;
  /// Is called with each slow step, after it, on the loop's own stack: it must not wait. None: the report is printed to
  /// standard error. What the handler throws goes to the exception handler. `slow_callback` is in `nakh/debug.hpp`.
  /// @par Source  asyncio logs it, as a warning.
  using slow_callback_handler = std::function<void(event_loop&, const slow_callback&)>;
  /// From now on slow steps go to `handler`.
  void set_slow_callback_handler(slow_callback_handler handler);

  /// Calls `f` in a pass of the loop each time the signal arrives; replaces an earlier one. Never in signal context.
  /// @throws std::invalid_argument  when there is no such signal.
  /// @throws usage_error            when it cannot be caught, or the loop is closed.
  void add_signal_handler(int signal, std::function<void()> f);
  /// Restores the signal's default. False when it had no handler here.
  /// @throws std::invalid_argument  when there is no such signal.
  bool remove_signal_handler(int signal);

  /// Calls `f` in a pass of the loop again and again, once a pass, as long as there is something to read from the descriptor, its
  /// end and errors included; replaces an earlier one. `f` runs as a callback of `call_soon` does: it must not wait. The
  /// descriptor stays as it is, and the caller's: remove the reader before you close it. Virtual time stands still meanwhile.
  ///
  /// For C libraries that say which descriptors they wait for. Own code reads with `nakh/asio.hpp`.
  /// @throws std::invalid_argument  when the descriptor is not open.
  /// @throws usage_error            when there is no waiting for it (a regular file), or the loop is closed; in debug mode, when
  ///                                another thread runs it.
  /// @throws std::system_error      when the system has no room for it.
  /// @par Source  asyncio's loop.add_reader (CPython 3.14).
  void add_reader(int fd, std::function<void()> f, source_location where = source_location::current());
  /// `f` does not run any more, not even when it has its place in the queue. False when there was none.
  bool remove_reader(int fd) noexcept;
  /// As `add_reader`, as long as the descriptor can be written to. Each descriptor may have one of both.
  void add_writer(int fd, std::function<void()> f, source_location where = source_location::current());
  /// As `remove_reader`.
  bool remove_writer(int fd) noexcept;

  /// Stacks in use, kept for reuse, and the most ever in use.
  struct stack_figures {
    /// Of tasks that run or wait.
    std::size_t in_use = 0;
    /// Kept for the next ones.
    std::size_t pooled = 0;
    /// The most that were ever in use at the same time.
    std::size_t high_water = 0;
  };
  /// The figures of this moment.
  [[nodiscard]] stack_figures stacks() const noexcept;
  /// Timers that are set and have not fired.
  [[nodiscard]] std::size_t pending_timers() const noexcept;
  /// Gives the memory of all pooled stacks back to the system. An idle loop does this by itself for those it has not
  /// needed for a while.
  void trim_stacks() noexcept;

  /// For the library.
  [[nodiscard]] detail::loop_core& core() const noexcept { return *core_; }

 private:
  void require_open() const;
  void require_can_run() const;
  detail::ref<detail::call_node> call_soon_node(detail::call_node* owned);
  detail::ref<detail::call_node> call_soon_threadsafe_node(detail::call_node* owned);
  detail::ref<detail::call_node> call_at_node(time_point deadline, detail::call_node* owned);

  detail::loop_core* core_;
};

/// The loop that runs in this thread.
/// @throws usage_error  when none does.
/// @par Thread safety  Any thread: each has its own.
/// @par Source         asyncio.get_running_loop (CPython 3.14).
[[nodiscard]] NAKH_API event_loop& get_running_loop();

}  // namespace nakh
