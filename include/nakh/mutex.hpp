// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>
#include <nakh/detail/wait_queue.hpp>

namespace nakh {

/// Mutual exclusion between tasks of one loop, first come, first served. Meets Lockable: use it with `std::scoped_lock`,
/// `std::unique_lock`, `std::lock_guard`. Not recursive.
///
/// Several at once: lock them one by one, everywhere in the same order. `std::scoped_lock` over several tries and backs off,
/// and with a mutex that is fair three tasks that name them in different orders may chase each other for ever.
///
/// Between two suspensions a task has the loop to itself; a mutex is for what must stay whole across one.
/// @par Thread safety  The loop's thread only: no protection from other threads.
/// @par Source         asyncio.Lock (CPython 3.14).
class NAKH_API mutex {
 public:
  mutex() noexcept = default;

  /// Takes the mutex; waits in line while another task has it or is about to (T-lock-02).
  /// @throws cancelled_error  when the task is cancelled while it waits.
  /// @throws usage_error      when it has to wait and this is no task.
  /// @par Suspends            Only when it cannot be had at once.
  /// @par Complexity          O(1), no allocation.
  void lock() {
    if (!try_lock()) lock_in_turn();
  }
  /// Takes the mutex if that needs no waiting. False also while one who waited in line is about to run.
  [[nodiscard]] bool try_lock() noexcept {
    if (locked_ || !line_.empty()) return false;
    locked_ = true;
    return true;
  }
  /// Lets it go, and wakes the first in line. Any task may, not just who took it (T-lock-04).
  /// @throws usage_error  when nobody has it.
  void unlock() {
    if (!locked_) throw_not_locked();
    locked_ = false;
    if (!line_.empty()) line_.wake_first();
  }

  /// Whether somebody has it now: false between `unlock` and the turn of who was woken (T-lock-03).
  [[nodiscard]] bool locked() const noexcept { return locked_; }

  /// For the library: how a coroutine waits.
  [[nodiscard]] detail::wait_queue& line() noexcept { return line_; }
  /// For the library: the wait in line is over: takes the mutex, or throws what the wait ended with.
  void lock_after(detail::wait_queue::ending how);

 private:
  void lock_in_turn();
  [[noreturn]] static void throw_not_locked();

  bool locked_ = false;
  static constexpr lowlevel::wait_kind waits_ = detail::wait_queue::kind_of("mutex");
  detail::wait_queue line_{waits_};
};

}  // namespace nakh
