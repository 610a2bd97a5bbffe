// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>

#include <cstddef>
#include <memory>
#include <stdexcept>

namespace nakh {

/// A barrier was aborted or reset while a task waited at it, or is still broken.
/// @par Source  asyncio.BrokenBarrierError.
class NAKH_API broken_barrier_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A place where a number of tasks wait for each other, again and again.
///
/// A task that is cancelled at it only leaves: the others go on waiting, and the barrier is not broken (T-bar-04).
/// @par Thread safety  The loop's thread only.
/// @par Source         asyncio.Barrier (CPython 3.14). Differs: an index is never given out twice in a round.
class NAKH_API barrier {
 public:
  /// For so many tasks.
  /// @throws std::invalid_argument  when `parties` is 0.
  explicit barrier(std::size_t parties);

  /// Waits until as many tasks as there are parties wait here; then all go on, the last one first. Returns the order in
  /// which this one came, from 0.
  /// @throws broken_barrier_error  when it is reset or aborted meanwhile, or is broken.
  /// @throws cancelled_error       when the task is cancelled while it waits.
  /// @throws usage_error           when it has to wait and this is no task.
  /// @par Suspends  Unless it is the last, and nobody is still leaving from the round before.
  std::size_t wait();
  /// Makes it whole: who waits gets `broken_barrier_error`, later rounds are as usual (T-bar-05, T-bar-07).
  /// @par Suspends  Only while somebody else is about to change it.
  void reset();
  /// Breaks it: who waits, and who comes until `reset`, gets `broken_barrier_error`.
  /// @par Suspends  As `reset`.
  void abort();

  /// For how many tasks it is.
  [[nodiscard]] std::size_t parties() const noexcept;
  /// How many wait; 0 while they leave (T-bar-03).
  [[nodiscard]] std::size_t waiting() const noexcept;
  /// Whether it was aborted, and not reset since.
  [[nodiscard]] bool broken() const noexcept;

  /// For the library.
  struct round;
  /// For the library.
  [[nodiscard]] std::shared_ptr<round> share() const noexcept { return round_; }

 private:
  std::shared_ptr<round> round_;  ///< Shared with those who wait: they may be cancelled after this was destroyed.
};

}  // namespace nakh
