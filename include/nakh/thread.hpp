// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>
#include <nakh/detail/call.hpp>
#include <nakh/detail/ref.hpp>
#include <nakh/detail/ring_link.hpp>
#include <nakh/future.hpp>
#include <nakh/loop.hpp>
#include <nakh/task.hpp>

#include <atomic>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace nakh {

namespace detail {

class loop_door;
class worker_threads;

/// A function for another thread, and the way of its result back into the loop.
///
/// Two sides hold references: that of the threads, until it has gone back to the loop, and the loop's. The closure, the value
/// and the error belong to the thread from `begin` to `go_back`, and to the loop afterwards.
class NAKH_API thread_job : public call_node, public ring_link {  // linked while it is under way
 public:
  ~thread_job() override;

  // --- In the loop's thread ---

  /// From now on it is under way, and `waiting` is to get its result. @throws std::bad_alloc
  void set_out(loop_core& loop, future_state& waiting);
  /// It does not come back, or it would come back to a closed loop.
  void forget() noexcept;
  /// Nobody waits any more: takes it back when no thread has begun with it.
  void give_up() noexcept;
  /// It has come back.
  void run() override;

  // --- In the other thread ---

  /// Claims the closure. False when the loop has taken it back.
  [[nodiscard]] bool begin() noexcept { return claim(phase::begun); }
  void work() noexcept;
  /// Hands the reference of the threads' side to the loop; drops it when the loop is closed.
  static void go_back(ref<thread_job> job) noexcept;
  /// This thread does a job for the loop behind that door.
  [[nodiscard]] static bool works_here_for(const loop_door& door) noexcept;
  /// Destroys the closure of a job that was taken back.
  virtual void drop_closure() noexcept = 0;

 protected:
  thread_job() noexcept : call_node(source_location{}) { share(); }
  /// Calls the closure, destroys it, keeps its value; whatever it throws comes out.
  virtual void call() = 0;
  /// Moves the value into `waiting`, whose type it knows.
  virtual void hand_over(future_state& waiting) = 0;
  virtual void drop_value() noexcept = 0;

 private:
  enum class phase : unsigned char { queued, begun, taken_back };
  bool claim(phase to) noexcept {
    phase expected = phase::queued;
    // Relaxed: only one side may win; the job itself travels by the pool's queue and the loop's inbox.
    return phase_.compare_exchange_strong(expected, to, std::memory_order_relaxed);
  }

  std::atomic<phase> phase_ = phase::queued;
  std::exception_ptr error_;
  std::shared_ptr<loop_door> door_;
  future_state* waiting_ = nullptr;  ///< Counted; only the loop's thread looks at it.
};

template <class T, class F>
class thread_job_of final : public thread_job {
 public:
  template <class G>
  thread_job_of(std::in_place_t, G&& f) : f_(std::in_place, std::forward<G>(f)) {}

  static void* operator new(std::size_t size) { return allocate_block(size); }
  static void operator delete(void* p, std::size_t size) noexcept { free_block(p, size); }

 private:
  void call() override {
    struct end_of_closure {
      std::optional<F>& f;
      ~end_of_closure() { f.reset(); }
    } const at_end{f_};
    if constexpr (std::is_void_v<T>) {
      std::move (*f_)();  // NOLINT(bugprone-unchecked-optional-access)
      value_.emplace();
    } else if constexpr (std::is_reference_v<T>) {
      T r = std::move(*f_)();  // NOLINT(bugprone-unchecked-optional-access): it is called once
      value_.emplace(std::addressof(r));
    } else {
      value_.emplace(std::move(*f_)());  // NOLINT(bugprone-unchecked-optional-access)
    }
  }
  void drop_closure() noexcept override { f_.reset(); }
  void hand_over(future_state& waiting) override {
    auto& to = static_cast<value_state<T>&>(waiting);
    if constexpr (std::is_void_v<T>) {
      to.store();
    } else {
      to.store(*std::move(value_));  // NOLINT(bugprone-unchecked-optional-access): it has ended with one
    }
    value_.reset();
  }
  void drop_value() noexcept override { value_.reset(); }

  std::optional<F> f_;
  std::optional<stored<T>> value_;
};

/// The future of a job: to cancel it takes the job back.
template <class T>
class job_state final : public value_state<T> {
 public:
  job_state(loop_core& loop, ref<thread_job> job) noexcept : value_state<T>(loop), job_(std::move(job)) {}
  bool cancel(const cancel_reason& reason) noexcept override {
    const bool was_pending = value_state<T>::cancel(reason);
    if (was_pending) job_->give_up();
    return was_pending;
  }

 private:
  ref<thread_job> job_;
};

/// Gives the job to the threads; null: to the loop's default executor.
NAKH_API void give_to_threads(loop_core& loop, worker_threads* threads, thread_job& job, future_state& waiting);

template <class F>
future<task_result<F>> run_in_threads(loop_core& loop, worker_threads* threads, F&& f) {
  using result = task_result<F>;
  const auto job = ref<thread_job>::adopt(new thread_job_of<result, std::decay_t<F>>(std::in_place, std::forward<F>(f)));
  auto waiting = ref<result_state<result>>::adopt(new job_state<result>(loop, job));
  give_to_threads(loop, threads, *job, *waiting);
  return future<result>(std::move(waiting));
}

/// The core of the running loop, when a task runs there. @throws usage_error
[[nodiscard]] NAKH_API loop_core& loop_of_running_task();

template <class F, class... Args>
future<std::invoke_result_t<std::decay_t<F>, std::decay_t<Args>...>> to_thread_future(F&& f, Args&&... args) {
  loop_core& loop = loop_of_running_task();
  auto call = [in = copy_context(), f = bound(std::forward<F>(f), std::forward<Args>(args)...)]() mutable -> decltype(auto) {
    return in.run(std::move(f));
  };
  return run_in_threads(loop, nullptr, std::move(call));
}

}  // namespace detail

/// Threads for functions that block or compute for long; a loop hands such functions to them and goes on.
///
/// Threads start when there is work for them, and end with the pool.
/// @par Thread safety  Any thread.
/// @par Source         concurrent.futures.ThreadPoolExecutor (CPython 3.14). Differs: a pool that is dropped waits.
class NAKH_API thread_pool {
 public:
  /// At most `threads` at a time.
  /// @throws std::invalid_argument  when that is 0.
  explicit thread_pool(std::size_t threads);
  /// Shuts it down, and blocks the calling thread until all that was given to it is done. One that is destroyed by one of
  /// its own jobs does not wait.
  ~thread_pool();
  thread_pool(const thread_pool&) = delete;
  thread_pool& operator=(const thread_pool&) = delete;

  /// Takes no more work (that is a `usage_error` from now on); what it has taken is done. Does not wait.
  void shutdown() noexcept;

  /// For the library.
  [[nodiscard]] const std::shared_ptr<detail::worker_threads>& workers() const noexcept { return workers_; }

 private:
  std::shared_ptr<detail::worker_threads> workers_;
};

/// Calls `f(args...)` in a thread of the loop's default executor; suspends the current task until it returns, while other
/// tasks run, and returns its value or throws its error.
///
/// The function and its arguments are copied or moved, as std::thread does, and destroyed in that thread. It runs in a copy of
/// the current context (T-thr-01). There is no loop
/// there: to reach this one use `event_loop::call_soon_threadsafe` or `async_threadsafe`.
/// @throws cancelled_error    at once, when the task is cancelled. A function that has begun goes on, and its result is
///                            dropped; one that has not begun never will (T-thr-05).
/// @throws usage_error        outside a task; when the default executor was shut down (T-thr-08).
/// @throws std::system_error  when no thread at all can be started.
/// @throws whatever f throws
/// @par Suspends       Always.
/// @par Thread safety  The loop's thread only.
/// @par Complexity     O(1); two threads wake each other, which takes some microseconds.
/// @par Source         asyncio.to_thread (CPython 3.14).
template <class F, class... Args>
  requires std::is_invocable_v<std::decay_t<F>, std::decay_t<Args>...>
std::invoke_result_t<std::decay_t<F>, std::decay_t<Args>...> to_thread(F&& f, Args&&... args) {
  return detail::to_thread_future(std::forward<F>(f), std::forward<Args>(args)...).await();
}

template <class F>
  requires std::is_invocable_v<std::decay_t<F>&&>
future<std::invoke_result_t<std::decay_t<F>&&>> event_loop::run_in_executor(F&& f) {
  require_open();
  return detail::run_in_threads(*core_, nullptr, std::forward<F>(f));
}

template <class F>
  requires std::is_invocable_v<std::decay_t<F>&&>
future<std::invoke_result_t<std::decay_t<F>&&>> event_loop::run_in_executor(thread_pool& pool, F&& f) {
  require_open();
  return detail::run_in_threads(*core_, pool.workers().get(), std::forward<F>(f));
}

}  // namespace nakh
