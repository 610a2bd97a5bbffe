// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>
#include <nakh/detail/wait_queue.hpp>

#include <cstddef>

namespace nakh {

/// A number of permits that tasks take and give back: first come, first served.
///
/// `lock` and `unlock` are other names of `acquire` and `release`, so that `std::scoped_lock` holds a permit.
/// @par Thread safety  The loop's thread only.
/// @par Source         asyncio.Semaphore (CPython 3.14).
class NAKH_API semaphore {
 public:
  /// With so many permits to begin with.
  /// @throws std::invalid_argument  when `permits` is negative.
  explicit semaphore(std::ptrdiff_t permits = 1);

  /// Takes a permit; waits in line when there is none, or others wait.
  /// @throws cancelled_error  when the task is cancelled while it waits. A permit that it had got goes to the next one.
  /// @throws usage_error      when it has to wait and this is no task.
  /// @par Suspends            Only when no permit can be had at once.
  /// @par Complexity          O(1), no allocation.
  void acquire();
  /// Takes a permit if that needs no waiting.
  [[nodiscard]] bool try_acquire() noexcept;
  /// Gives a permit back, or a new one.
  void release() noexcept;

  /// Whether `acquire` would wait: no permit is free, or others are in line (T-sem-06).
  [[nodiscard]] bool locked() const noexcept { return permits_ == 0 || !line_.empty(); }
  /// Free permits.
  [[nodiscard]] std::ptrdiff_t permits() const noexcept { return permits_; }

  /// As `acquire`.
  void lock() { acquire(); }
  /// As `try_acquire`.
  [[nodiscard]] bool try_lock() noexcept { return try_acquire(); }
  /// As `release`.
  void unlock() noexcept { release(); }

  /// For the library: how a coroutine waits.
  [[nodiscard]] detail::wait_queue& line() noexcept { return line_; }
  /// For the library: the wait in line is over: the permit is there, or this throws what the wait ended with.
  void lock_after(detail::wait_queue::ending how);

 private:
  void acquire_in_turn();
  void serve() noexcept;

  std::ptrdiff_t permits_;
  static constexpr lowlevel::wait_kind waits_ = detail::wait_queue::kind_of("semaphore");
  detail::wait_queue line_{waits_};
};

/// A semaphore that never has more permits than it began with.
/// @par Source  asyncio.BoundedSemaphore (CPython 3.14).
/// @par Thread safety  The loop's thread only.
class NAKH_API bounded_semaphore : private semaphore {
 public:
  /// With so many permits, and never more.
  /// @throws std::invalid_argument  when `permits` is negative.
  explicit bounded_semaphore(std::ptrdiff_t permits = 1) : semaphore(permits), most_(permits) {}

  using semaphore::acquire;
  using semaphore::line;
  /// As `acquire`.
  using semaphore::lock;
  using semaphore::lock_after;
  using semaphore::locked;
  using semaphore::permits;
  using semaphore::try_acquire;
  /// As `try_acquire`.
  using semaphore::try_lock;
  /// Gives a permit back.
  /// @throws std::invalid_argument  when all are there already; nothing changes (T-sem-03).
  void release();
  /// As `release`.
  void unlock() { release(); }

 private:
  std::ptrdiff_t most_;
};

}  // namespace nakh
