// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>
#include <nakh/detail/suspension.hpp>
#include <nakh/sleep.hpp>
#include <nakh/stackless/task.hpp>

#include <coroutine>
#include <type_traits>
#include <utility>

/// @file
/// `nakh/sleep.hpp` for coroutines.
/// @par Thread safety  The loop's thread only.
namespace nakh {

namespace detail {

struct turn_awaiter {
  using makes_task_wait = void;
  [[nodiscard]] bool await_ready() const {
    if (!runs_in_fiber()) return has_turn_alone();
    nakh::yield();
    return true;
  }
  void await_suspend(std::coroutine_handle<> self) {
    suspend_for_turn(self);
    has_waited = true;
  }
  void await_resume() const {
    if (has_waited) resume_after_wait();
  }
  bool has_waited = false;
};

template <class When>
struct sleep_awaiter {
  using makes_task_wait = void;
  explicit sleep_awaiter(When w) noexcept : when(w) {}
  [[nodiscard]] bool await_ready() const {
    if (!runs_in_fiber()) return false;
    if constexpr (std::is_same_v<When, time_point>) {
      nakh::sleep_until(when);
    } else {
      nakh::sleep(when);
    }
    return true;
  }
  void await_suspend(std::coroutine_handle<> self) {
    suspend_until(op, when, self);
    has_waited = true;
  }
  void await_resume() {
    if (has_waited) resume_after_sleep(op);
  }
  When when;
  bool has_waited = false;
  later<sleep_op> op;
};

template <class T>
struct sleep_then : sleep_awaiter<delay> {
  sleep_then(delay d, T v) : sleep_awaiter<delay>(d), value(std::move(v)) {}
  T await_resume() {
    sleep_awaiter<delay>::await_resume();
    return std::move(value);
  }
  T value;
};

}  // namespace detail

namespace stackless {

/// `co_await` it: gives every other ready task and callback one turn, as `nakh::yield`.
[[nodiscard("co_await it")]] inline detail::turn_awaiter yield() noexcept { return {}; }

/// `co_await` it: suspends the current task for `d`, as `nakh::sleep`.
[[nodiscard("co_await it")]] inline detail::sleep_awaiter<delay> sleep(delay d) noexcept { return detail::sleep_awaiter<delay>(d); }
/// The same; its result is `value`.
template <class T>
[[nodiscard("co_await it")]] detail::sleep_then<T> sleep(delay d, T value) {
  return {d, std::move(value)};
}
/// `co_await` it: suspends the current task until `deadline`, as `nakh::sleep_until`.
[[nodiscard("co_await it")]] inline detail::sleep_awaiter<time_point> sleep_until(time_point deadline) noexcept {
  return detail::sleep_awaiter<time_point>(deadline);
}

}  // namespace stackless

}  // namespace nakh
