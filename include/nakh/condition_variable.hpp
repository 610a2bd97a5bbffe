// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>
#include <nakh/detail/wait_queue.hpp>
#include <nakh/mutex.hpp>

#include <cstddef>
#include <exception>
#include <type_traits>
#include <utility>

namespace nakh {

/// Lets tasks that hold a mutex wait until others, which hold it too, have changed something.
///
/// It is Lockable itself, by its mutex: `std::unique_lock l(condition)` is `async with condition`.
/// @par Thread safety  The loop's thread only.
/// @par Source         asyncio.Condition (CPython 3.14).
class NAKH_API condition_variable {
 public:
  /// With a mutex of its own.
  condition_variable() noexcept : mutex_(&own_) {}
  /// With a mutex that it shares with others (T-cond-12). It must live as long as this.
  explicit condition_variable(mutex& shared) noexcept : mutex_(&shared) {}
  condition_variable(const condition_variable&) = delete;
  condition_variable& operator=(const condition_variable&) = delete;

  /// Takes the mutex, as `mutex::lock`.
  void lock() { mutex_->lock(); }
  /// Takes the mutex if that needs no waiting.
  [[nodiscard]] bool try_lock() noexcept { return mutex_->try_lock(); }
  /// Lets the mutex go.
  void unlock() { mutex_->unlock(); }
  /// Whether somebody has the mutex now.
  [[nodiscard]] bool locked() const noexcept { return mutex_->locked(); }

  /// Lets the mutex go, waits for a `notify`, and takes the mutex again, also when it is cancelled (T-cond-07, -10). It
  /// may return without a notification: check what you wait for, or give a condition.
  /// @throws cancelled_error  once the mutex is held again. A notification that it had got goes to another one.
  /// @throws usage_error      when the mutex is not held; outside a task.
  /// @par Suspends            Always.
  void wait();
  /// Waits until `condition()` is true, and returns its value. Needs the mutex only if it is not true at once (T-cond-06).
  template <class Condition>
    requires std::is_invocable_v<Condition&>
  auto wait(Condition condition) {
    auto value = condition();
    while (!value) {
      wait();
      value = condition();
    }
    return value;
  }

  /// Wakes at most `most` of those who wait, oldest first; they run once the mutex is free (T-cond-03).
  /// @throws usage_error  when the mutex is not held.
  void notify(std::size_t most = 1);
  /// Wakes all of those who wait.
  void notify_all() { notify(static_cast<std::size_t>(-1)); }

  /// For the library: what it locks.
  [[nodiscard]] mutex& own_mutex() noexcept { return *mutex_; }
  /// For the library: a wait, step by step. A coroutine goes through the same steps as a function does.
  class NAKH_API waiting {
   public:
    /// Lets the mutex go. @throws usage_error
    explicit waiting(condition_variable& c);
    waiting(const waiting&) = delete;
    waiting& operator=(const waiting&) = delete;
    [[nodiscard]] detail::wait_queue& line() const noexcept { return condition_->line_; }
    /// The wait in line is over.
    void end_line(detail::wait_queue::ending how);
    /// What is to be taken back then; null: it is gone.
    [[nodiscard]] mutex* to_lock() const noexcept { return mutex_; }
    /// In a handler: it could not be taken, and must be all the same.
    void note_cancellation() noexcept { error_ = std::current_exception(); }
    /// The mutex is taken back. @throws cancelled_error, usage_error
    void finish();

   private:
    condition_variable* condition_;  ///< Null once it was destroyed.
    mutex* mutex_;
    bool is_own_;
    std::exception_ptr error_;
  };

 private:
  mutex own_;
  mutex* mutex_;
  static constexpr lowlevel::wait_kind waits_ = detail::wait_queue::kind_of("condition variable");
  detail::wait_queue line_{waits_};
};

}  // namespace nakh
