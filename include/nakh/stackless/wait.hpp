// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>
#include <nakh/gather.hpp>
#include <nakh/shield.hpp>
#include <nakh/stackless/task.hpp>
#include <nakh/timeout.hpp>
#include <nakh/wait.hpp>

#include <cstddef>
#include <optional>
#include <ranges>
#include <type_traits>
#include <utility>

/// @file
/// `gather`, `shield`, `wait`, `as_completed`, `timeout` and `wait_for` for coroutines.
/// @par Thread safety  The loop's thread only.
namespace nakh {

namespace detail {

struct timeout_access {
  /// A timeout in the frame of a coroutine.
  struct scope : timeout_scope {
    template <class Deadline>
    explicit scope(Deadline deadline) : timeout_scope(deadline) {}
    using timeout_scope::leave;
    using timeout_scope::must_time_out;
    using timeout_scope::show_timeout;
    using timeout_scope::throw_timeout;
  };
};

/// The coroutine that a body is, or makes when it is called, perhaps with the scope.
template <class Body>
auto call_body(Body& body, [[maybe_unused]] timeout_scope& scope) {
  if constexpr (own_kind_of_task<Body>) {
    return std::move(body);
  } else if constexpr (std::is_invocable_v<Body&, timeout_scope&>) {
    return body(scope);
  } else {
    return body();
  }
}

template <class Deadline, class Body, class Coroutine = decltype(call_body(std::declval<Body&>(), std::declval<timeout_scope&>()))>
stackless::task<typename Coroutine::value_type> run_coroutine_in_scope(Deadline deadline, Body body) {
  timeout_access::scope scope(deadline);
  try {
    struct leave_scope {
      timeout_access::scope& s;
      ~leave_scope() { s.leave(); }
    } const at_end{scope};
    co_return co_await call_body(body, scope);
  } catch (const cancelled_error&) {
    if (scope.must_time_out()) scope.throw_timeout();
    throw;
  } catch (...) {
    if (scope.must_time_out()) scope.show_timeout();
    throw;
  }
}

/// One wait as a coroutine; anything else as it is.
template <class X>
decltype(auto) as_job(X&& x) {
  if constexpr (single_wait<std::decay_t<X>>) {
    return stackless::await(std::decay_t<X>(std::forward<X>(x)));
  } else {
    return std::forward<X>(x);
  }
}

}  // namespace detail

namespace stackless {

/// `co_await` it: waits for several jobs at the same time, as `nakh::gather`. Arguments are coroutines, waits, tasks, futures and
/// functions, which become tasks now and not when it is awaited: what it returns is their future.
template <class... X>
  requires requires { gather_future(detail::as_job(std::declval<X>())...); }
[[nodiscard("co_await it")]] auto gather(X&&... x) {
  return gather_future(detail::as_job(std::forward<X>(x))...);
}

/// `co_await` it, not the task: as `nakh::shield`.
using nakh::shield;

/// As `nakh::wait`: `co_await` it for those of a range that are done and those that are not.
template <detail::range_of_handles Range>
[[nodiscard]] task<wait_result<std::ranges::range_value_t<Range>>> wait(Range range, wait_options options = {}) {
  detail::wait_set<std::ranges::range_value_t<Range>> set(std::move(range));
  const detail::states_wait waiting(set.states(), options);
  co_await waiting.waiter();
  co_return std::move(set).result();
}

/// As `nakh::as_completed`. There is no loop over it that could wait:
/// `while (auto t = co_await stackless::next(completed)) ...`.
using nakh::as_completed;
/// As `completed_range::next`.
template <class Handle>
[[nodiscard]] task<std::optional<Handle>> next(completed_range<Handle>& completed) {
  detail::completion_order& order = completed.order();
  if (order.left() == 0) co_return std::nullopt;
  order.ask();
  struct unless_taken {
    detail::completion_order& order;
    bool taken = false;
    ~unless_taken() {
      if (!taken) order.give_up();
    }
  } turn_of_this{order};
  while (order.must_wait()) {
    const future<> turn = order.new_turn();
    try {
      co_await turn;
    } catch (...) {
      order.turn_failed(turn);
      throw;
    }
  }
  turn_of_this.taken = true;
  co_return completed.handle(order.take());
}

/// A coroutine that awaits `f`: to give a future where a coroutine is wanted.
template <class T>
[[nodiscard]] task<T> await(future<T> f) {
  co_return co_await f;
}

/// Runs `body` in the current task, and cancels it when `deadline` passes; no deadline: never. As `nakh::timeout_at`.
/// @param body  A coroutine, one wait (`stackless::get(queue)`), or what makes a coroutine when it is called with a
///              `timeout_scope&`, or with nothing.
template <class Body>
[[nodiscard]] auto timeout_at(std::optional<time_point> deadline, Body body) {
  return detail::run_coroutine_in_scope(deadline, detail::as_job(std::move(body)));
}
/// The same with a time from when it is awaited; `std::nullopt`: no limit. As `nakh::timeout`.
template <class Body>
[[nodiscard]] auto timeout(std::optional<delay> d, Body body) {
  return detail::run_coroutine_in_scope(d, detail::as_job(std::move(body)));
}

/// Waits for a future or task, at most for `d`, as `nakh::wait_for`.
template <class T>
[[nodiscard]] task<T> wait_for(future<T> f, std::optional<delay> d) {
  if (d && d->is_due()) {
    if (!f.done()) {
      const detail::cancelling_wait cancelling(f.state());
      co_await cancelling.waiter();
      if (f.cancelled()) detail::throw_timeout_error();
    }
    co_return f.result();
  }
  co_return co_await stackless::timeout(d, stackless::await(f));
}
template <class T>
[[nodiscard]] task<T> wait_for(nakh::task<T> t, std::optional<delay> d) {
  return stackless::wait_for(static_cast<const future<T>&>(t), d);
}
/// The same for a coroutine, which runs in the current task; with zero or less it never begins.
template <class T>
[[nodiscard]] task<T> wait_for(task<T> coroutine, std::optional<delay> d) {
  if (d && d->is_due()) {
    const auto never_runs = spawn(std::move(coroutine));
    co_return co_await stackless::wait_for(never_runs, d);
  }
  co_return co_await stackless::timeout(d, std::move(coroutine));
}
/// The same for one wait.
template <detail::single_wait Wait>
[[nodiscard]] auto wait_for(Wait wait, std::optional<delay> d) {
  return stackless::wait_for(stackless::await(std::move(wait)), d);
}

}  // namespace stackless

}  // namespace nakh
