// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>
#include <nakh/detail/ready.hpp>
#include <nakh/detail/timer.hpp>
#include <nakh/task.hpp>

#include <optional>
#include <type_traits>
#include <utility>

namespace nakh {

namespace detail {
/// Whoever makes the scope of a timeout: a function, or a coroutine.
struct timeout_access;
}  // namespace detail

/// The deadline of a running `timeout`, as its body sees it.
/// @par Thread safety  The loop's thread only.
/// @par Source         asyncio.Timeout (CPython 3.14).
class NAKH_API timeout_scope {
 public:
  timeout_scope(const timeout_scope&) = delete;
  timeout_scope& operator=(const timeout_scope&) = delete;

  /// Replaces the deadline: later, earlier, or none. One in the past interrupts the next suspension (T-tmo-12).
  /// @throws usage_error  when it has expired or was left.
  void reschedule(std::optional<time_point> deadline);
  /// The deadline; none when there is none.
  [[nodiscard]] std::optional<time_point> when() const noexcept { return when_; }
  /// Whether the deadline has passed and the body was interrupted.
  [[nodiscard]] bool expired() const noexcept { return state_ == state::expiring || state_ == state::expired; }

 private:
  template <class Body>
  friend decltype(auto) timeout_at(std::optional<time_point> deadline, Body&& body);
  template <class Body>
  friend decltype(auto) timeout(std::optional<delay> d, Body&& body);
  template <class Body>
  friend decltype(auto) run_in_scope(timeout_scope& scope, Body&& body);
  friend detail::timeout_access;

  enum class state : unsigned char { entered, expiring, expired, exited };

  struct alarm : detail::hook {
    alarm(timeout_scope& s) noexcept;
    timeout_scope& scope;
    detail::timer clock{*this};
  };

  /// @throws usage_error  outside a task.
  explicit timeout_scope(std::optional<time_point> deadline);
  explicit timeout_scope(std::optional<delay> d);
  ~timeout_scope();
  void set(time_point deadline, time_point now);
  void leave() noexcept;
  void disarm() noexcept;
  /// Whether a cancellation that leaves the body is this scope's own.
  [[nodiscard]] bool must_time_out() const noexcept { return gave_back_own_; }
  [[noreturn]] void throw_timeout() const;
  /// In a handler: puts a `timeout_error` into the chain of the error that leaves the body.
  void show_timeout() const noexcept;

  detail::loop_core& loop_;
  detail::task_core& task_;
  int requests_at_entry_;
  state state_ = state::entered;
  bool gave_back_own_ = false;
  std::optional<time_point> when_;
  alarm alarm_{*this};
};

// Not for users: what `timeout` and `timeout_at` have in common.
/// For the library: what `timeout` and `timeout_at` have in common.
template <class Body>
decltype(auto) run_in_scope(timeout_scope& scope, Body&& body) {
  try {
    struct leave_scope {
      timeout_scope& s;
      ~leave_scope() { s.leave(); }
    } const at_end{scope};
    if constexpr (std::is_invocable_v<Body&&, timeout_scope&>) {
      return std::forward<Body>(body)(scope);
    } else {
      return std::forward<Body>(body)();
    }
  } catch (const cancelled_error&) {
    if (scope.must_time_out()) scope.throw_timeout();
    throw;
  } catch (...) {
    if (scope.must_time_out()) scope.show_timeout();
    throw;
  }
}

/// Runs `body`, in the current task, and cancels it when `deadline` passes; no deadline: never.
///
/// The body is interrupted by `cancelled_error` at its current or next suspension. If that leaves the body, the scope
/// turns it into `timeout_error`; a body that ends normally or with another error all the same keeps that (T-tmo-05). When
/// that error, or one in an `exception_group`, has the cancellation in its chain of nested exceptions, it is the same object
/// still, and a `timeout_error` stands in the chain above the cancellation (T-tmo-18).
/// A cancellation from elsewhere stays one (T-tmo-13, T-tmo-14).
/// @param body  Called with a `timeout_scope&`, or with nothing; its result is returned.
/// @throws timeout_error  when the deadline passed; the cancellation is nested in it (`std::rethrow_if_nested`).
/// @throws usage_error    outside a task.
/// @par Suspends       As the body does.
/// @par Thread safety  The loop's thread only.
/// @par Complexity     O(log timers), no allocation.
/// @par Source         asyncio.timeout_at (CPython 3.14).
template <class Body>
decltype(auto) timeout_at(std::optional<time_point> deadline, Body&& body) {
  timeout_scope scope(deadline);
  return run_in_scope(scope, std::forward<Body>(body));
}

/// The same with a time from now; `std::nullopt`: no limit.
/// @par Source  asyncio.timeout (CPython 3.14).
/// @par Thread safety  The loop's thread only.
template <class Body>
decltype(auto) timeout(std::optional<delay> d, Body&& body) {
  timeout_scope scope(d);
  return run_in_scope(scope, std::forward<Body>(body));
}

namespace detail {
/// Cancels a future; `waiter` is done when that has ended.
class NAKH_API cancelling_wait {
 public:
  /// @throws usage_error
  explicit cancelling_wait(future_state& state);
  ~cancelling_wait();
  cancelling_wait(const cancelling_wait&) = delete;
  cancelling_wait& operator=(const cancelling_wait&) = delete;
  [[nodiscard]] const future<>& waiter() const noexcept { return waiter_; }

 private:
  struct at_end : done_hook {
    explicit at_end(future_state& w) noexcept;
    future_state& waiting;
  };
  future_state& cancelled_;
  future<> waiter_;
  at_end hook_;
};
[[noreturn]] NAKH_API void throw_timeout_error();
}  // namespace detail

/// Waits for a future or task, at most for `d`; then cancels it, waits for it to end, and throws `timeout_error`.
///
/// What the task still does when it is cancelled counts: a result that it returns is returned, an error that it
/// throws is thrown (T-wfor-06, T-wfor-07). Guard it with `shield` to leave it running.
/// @param d  `std::nullopt`: no limit. Zero or less: the result if it is there, else a timeout (T-wfor-04, T-wfor-05).
/// @throws timeout_error    when the time was over.
/// @throws cancelled_error  when the current task was cancelled; what is awaited is cancelled too, and awaited.
/// @throws usage_error      outside a task.
/// @par Suspends       Unless it is done already.
/// @par Thread safety  The loop's thread only.
/// @par Complexity     O(log timers), no allocation.
/// @par Source         asyncio.wait_for (CPython 3.14).
template <class T>
T wait_for(const future<T>& f, std::optional<delay> d) {
  if (d && d->is_due()) {
    if (f.done()) return f.result();
    const future<T> pinned = f;
    detail::cancelling_wait(pinned.state()).waiter().await();
    if (pinned.cancelled()) detail::throw_timeout_error();
    return pinned.result();
  }
  return timeout(d, [&f]() -> T { return f.await(); });
}

/// The same for a function, which runs in the current task (T-wfor-13); with zero or less it is not called at all.
template <class F>
  requires(std::is_invocable_v<F &&> && std::is_invocable_v<std::decay_t<F> &&>)
std::invoke_result_t<F&&> wait_for(F&& f, std::optional<delay> d) {
  if (d && d->is_due()) {
    const auto never_runs = async(std::forward<F>(f));
    return wait_for(static_cast<const future<std::invoke_result_t<F&&>>&>(never_runs), d);
  }
  return timeout(d, [&f]() -> std::invoke_result_t<F&&> { return std::forward<F>(f)(); });
}

}  // namespace nakh
