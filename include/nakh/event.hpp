// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>
#include <nakh/detail/wait_queue.hpp>

namespace nakh {

/// Something that has happened or not, and that any number of tasks can wait for.
/// @par Thread safety  The loop's thread only.
/// @par Source         asyncio.Event (CPython 3.14).
class NAKH_API event {
 public:
  event() noexcept = default;

  /// Whether it has happened.
  [[nodiscard]] bool is_set() const noexcept { return set_; }
  /// It has happened: wakes all who wait, in order. They go on even when it is cleared before they run (T-event-02).
  void set() noexcept;
  /// From now on `wait` waits again.
  void clear() noexcept { set_ = false; }
  /// Waits until it has happened; always true.
  /// @throws cancelled_error  when the task is cancelled while it waits.
  /// @throws usage_error      when it has to wait and this is no task.
  /// @par Suspends            Unless it is set.
  bool wait();

  /// For the library: how a coroutine waits.
  [[nodiscard]] detail::wait_queue& line() noexcept { return line_; }
  /// For the library: the wait in line is over: throws what it ended with, unless the event has happened.
  static void go_on_after(detail::wait_queue::ending how);

 private:
  void wait_until_set();

  bool set_ = false;
  static constexpr lowlevel::wait_kind waits_ = detail::wait_queue::kind_of("event");
  detail::wait_queue line_{waits_};
};

}  // namespace nakh
