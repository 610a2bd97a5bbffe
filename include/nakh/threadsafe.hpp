// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>
#include <nakh/loop.hpp>
#include <nakh/outcome.hpp>
#include <nakh/task.hpp>
#include <nakh/thread.hpp>

#include <atomic>
#include <chrono>
#include <exception>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace nakh {

namespace detail {

/// A task that another thread has asked a loop for, and the answer to that thread.
///
/// It is answered once, by who is first: the loop when the task has ended, or who cancels. All else belongs to the loop.
class NAKH_API remote_task : public std::enable_shared_from_this<remote_task>, public ring_link {  // linked while the task runs
 public:
  remote_task() noexcept = default;
  remote_task(const remote_task&) = delete;
  remote_task& operator=(const remote_task&) = delete;
  virtual ~remote_task();

  // --- Any thread ---

  /// Asks for it.
  void send(event_loop& loop);
  /// Answers with `cancelled_error`, and has the task cancelled. False when it was answered before. @throws std::bad_alloc
  bool cancel(const cancel_reason& reason);
  /// This thread is going to wait for the answer. @throws usage_error  in the loop's thread, which would wait for itself
  void prepare_wait();

  // --- The loop's thread ---

  /// Makes the task.
  void begin(loop_core& loop) noexcept;
  /// The loop was closed before that.
  void never_begin() noexcept;
  void end(future_state& task) noexcept;
  /// The loop is closed, and its task refuses to end.
  void abandon() noexcept;

 protected:
  /// Makes the task.
  virtual ref<future_state> make(loop_core& loop) = 0;
  /// In a handler at the end of the task's body: keeps the error for the answer; throws on what is the task's own.
  void keep_error();
  virtual void drop_closure() noexcept = 0;
  /// Gives the error, or (null) the value that is kept, to who waits.
  virtual void give(std::exception_ptr error) noexcept = 0;
  virtual void drop_value() noexcept = 0;

 private:
  /// A job of the loop waits for the answer: it is not under way outside until then, for it waits for the loop.
  void begin_wait() noexcept;
  void end_waits() noexcept;
  void answer(std::exception_ptr error) noexcept;
  [[nodiscard]] bool claim_answer() noexcept {
    return !answered_.exchange(true, std::memory_order_relaxed);  // only one may be first; what is given is published by std::future
  }

  std::shared_ptr<loop_door> door_;
  std::atomic<bool> answered_ = false;
  std::exception_ptr error_;
  ref<future_state> task_;
  loop_core* loop_ = nullptr;  ///< While the task runs.
  unsigned int waiting_jobs_ = 0;
};

/// One whose body is a function.
class NAKH_API remote_function : public remote_task {
 protected:
  ref<future_state> make(loop_core& loop) final;
  /// Calls the closure, destroys it, keeps its value; whatever it throws comes out.
  virtual void call() = 0;
};

/// The part that knows the result's type.
template <class T, class Base>
class remote_answer : public Base {
 public:
  [[nodiscard]] std::future<outcome<T>> get_future() { return answer_.get_future(); }

 protected:
  void give(std::exception_ptr error) noexcept final {
    if (!error) {
      try {
        answer_.set_value(outcome<T>(*std::move(value_)));
        return;
      } catch (...) {
        error = std::current_exception();  // the value could not be moved
      }
    }
    answer_.set_value(outcome<T>(std::move(error)));
  }
  void drop_value() noexcept final { value_.reset(); }

  std::optional<stored<T>> value_;

 private:
  // An outcome, not the error itself: a promise would still own the error when who waits for it looks at it, and neither
  // thread could see when the other one is done with it.
  std::promise<outcome<T>> answer_;
};

template <class T, class F>
class remote_task_of final : public remote_answer<T, remote_function> {
 public:
  explicit remote_task_of(F&& f) : f_(std::move(f)) {}

 private:
  void call() override {
    auto& value = this->value_;
    struct end_of_closure {
      std::optional<F>& f;
      ~end_of_closure() { f.reset(); }
    } const at_end{f_};
    if constexpr (std::is_void_v<T>) {
      std::move (*f_)();
      value.emplace();
    } else if constexpr (std::is_reference_v<T>) {
      T r = std::move(*f_)();
      value.emplace(std::addressof(r));
    } else {
      value.emplace(std::move(*f_)());
    }
  }
  void drop_closure() noexcept override { f_.reset(); }

  std::optional<F> f_;
};

}  // namespace detail

/// The result of a task that runs in a loop of another thread: like a std::future, which it can become, and can cancel the task.
///
/// Dropping it has no effect on the task.
/// @par Thread safety  As std::future: one thread at a time; others may call `cancel` meanwhile.
/// @par Source         The concurrent.futures.Future of asyncio.run_coroutine_threadsafe (CPython 3.14).
template <class T = void>
class [[nodiscard("without it nobody sees the task's error")]] threadsafe_future {
 public:
  /// No future: not valid.
  threadsafe_future() noexcept = default;

  /// Blocks the thread until the task has ended; returns its value or throws its error. Can be done once.
  /// @throws cancelled_error    when the task was cancelled, from whichever side.
  /// @throws usage_error        when its loop was closed before the task ended; in the loop's own thread, when it has not.
  /// @throws std::future_error  when it is not valid.
  T get() {
    wait();
    return answer_.get().value();
  }
  /// Blocks the thread until `get` will not. @throws usage_error, std::future_error  as `get`
  void wait() const {
    if (wait_for(std::chrono::seconds(0)) == std::future_status::ready) return;
    task_->prepare_wait();
    answer_.wait();
  }
  /// Blocks for a time at most. Giving up has no effect on the task (T-thr-09). @throws std::future_error
  template <class Rep, class Period>
  std::future_status wait_for(const std::chrono::duration<Rep, Period>& d) const {
    require_valid();
    return answer_.wait_for(d);
  }
  /// Blocks until a moment at most, as `wait_for`.
  template <class Clock, class Duration>
  std::future_status wait_until(const std::chrono::time_point<Clock, Duration>& t) const {
    require_valid();
    return answer_.wait_until(t);
  }
  /// False after `get`.
  [[nodiscard]] bool valid() const noexcept { return answer_.valid(); }

  /// Cancels the task; false when it is done, or was cancelled before. `get` throws `cancelled_error` from now on, while the
  /// task still cleans up.
  /// @throws std::bad_alloc
  bool cancel() { return task_ != nullptr && task_->cancel(nullptr); }
  /// The same with a text that `cancelled_error::reason` gives back.
  bool cancel(std::string reason) { return task_ != nullptr && task_->cancel(detail::make_reason(std::move(reason))); }

  /// A deferred std::future, which asks this one.
  operator std::future<T>() && {  // NOLINT(google-explicit-constructor)
    require_valid();
    return std::async(std::launch::deferred, [own = std::move(*this)]() mutable -> T { return own.get(); });
  }

  /// For the library.
  threadsafe_future(std::future<outcome<T>> answer, std::shared_ptr<detail::remote_task> task) noexcept
      : answer_(std::move(answer)), task_(std::move(task)) {}

 private:
  void require_valid() const {
    if (!valid()) throw std::future_error(std::future_errc::no_state);
  }
  std::future<outcome<T>> answer_;
  std::shared_ptr<detail::remote_task> task_;  ///< Stays the same in `get`, for those who cancel meanwhile.
};

/// Runs `f(args...)` as a task of `loop`, from any thread, which can wait for its result.
///
/// The function and its arguments are copied or moved, and destroyed in the loop's thread (or here, when the loop is closed:
/// then the future has a `usage_error`). The loop must exist when this is called; it may go before the future is asked.
/// @throws std::bad_alloc
/// @par Suspends       Never.
/// @par Thread safety  Any thread.
/// @par Source         asyncio.run_coroutine_threadsafe (CPython 3.14). Differs: on a closed loop the future has the error.
template <class F, class... Args>
  requires std::is_invocable_v<std::decay_t<F>, std::decay_t<Args>...>
threadsafe_future<std::invoke_result_t<std::decay_t<F>, std::decay_t<Args>...>> async_threadsafe(event_loop& loop, F&& f, Args&&... args) {
  using result = std::invoke_result_t<std::decay_t<F>, std::decay_t<Args>...>;
  auto closure = detail::bound(std::forward<F>(f), std::forward<Args>(args)...);
  auto task = std::make_shared<detail::remote_task_of<result, decltype(closure)>>(std::move(closure));
  threadsafe_future<result> answer(task->get_future(), task);
  task->send(loop);
  return answer;
}

}  // namespace nakh
