// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/barrier.hpp>
#include <nakh/condition_variable.hpp>
#include <nakh/config.hpp>
#include <nakh/detail/suspension.hpp>
#include <nakh/event.hpp>
#include <nakh/mutex.hpp>
#include <nakh/semaphore.hpp>
#include <nakh/stackless/line.hpp>
#include <nakh/stackless/task.hpp>

#include <concepts>
#include <coroutine>
#include <cstddef>
#include <mutex>
#include <type_traits>

/// @file
/// Mutexes, semaphores, events, condition variables and barriers for coroutines: the same objects, and other ways to wait for them.
/// @par Thread safety  The loop's thread only.
namespace nakh {

namespace detail {

/// A wait in line that ends by `go_on`, which throws what there is to throw.
template <class Primitive>
class line_awaiter {
 public:
  using makes_task_wait = void;
  explicit line_awaiter(Primitive& p) noexcept : primitive_(p) {}
  void await_suspend(std::coroutine_handle<> self) { wait_.suspend(primitive_.line(), self); }

 protected:
  Primitive& primitive_;
  line_wait wait_;
};

template <class Mutex>
struct lock_awaiter : line_awaiter<Mutex> {
  using line_awaiter<Mutex>::line_awaiter;
  [[nodiscard]] bool await_ready() {
    if (this->primitive_.try_lock()) return true;
    if (!runs_in_fiber()) return false;
    this->primitive_.lock();
    return true;
  }
  void await_resume() {
    if (this->wait_.has_waited()) this->primitive_.lock_after(this->wait_.resume());
  }
};

/// The same, and the result unlocks at its end.
template <class Mutex>
struct hold_awaiter : lock_awaiter<Mutex> {
  using lock_awaiter<Mutex>::lock_awaiter;
  [[nodiscard]] std::unique_lock<Mutex> await_resume() {
    lock_awaiter<Mutex>::await_resume();
    return std::unique_lock<Mutex>(this->primitive_, std::adopt_lock);
  }
};

struct event_awaiter : line_awaiter<event> {
  using line_awaiter<event>::line_awaiter;
  [[nodiscard]] bool await_ready() {
    if (primitive_.is_set()) return true;
    if (!runs_in_fiber()) return false;
    return primitive_.wait();
  }
  bool await_resume() {
    if (wait_.has_waited()) event::go_on_after(wait_.resume());
    return true;
  }
};

template <class T>
concept lockable_in_line = requires(T& m) {
  { m.try_lock() } -> std::same_as<bool>;
  m.line();
};

}  // namespace detail

namespace stackless {

/// `co_await` it: takes the mutex, or a semaphore's permit, as its `lock` does in a function.
/// @throws cancelled_error, usage_error  as that
template <detail::lockable_in_line Mutex>
[[nodiscard("co_await it")]] detail::lock_awaiter<Mutex> lock(Mutex& m) noexcept {
  return detail::lock_awaiter<Mutex>(m);
}
/// The same for a condition variable's mutex.
[[nodiscard("co_await it")]] inline detail::lock_awaiter<mutex> lock(condition_variable& c) noexcept {
  return detail::lock_awaiter<mutex>(c.own_mutex());
}
/// `co_await` it: the same, and its result unlocks when it goes: `const auto hold = co_await stackless::hold(m);`, which is
/// `async with m`. A coroutine has no constructor that could wait.
template <detail::lockable_in_line Mutex>
[[nodiscard("co_await it")]] detail::hold_awaiter<Mutex> hold(Mutex& m) noexcept {
  return detail::hold_awaiter<Mutex>(m);
}
[[nodiscard("co_await it")]] inline detail::hold_awaiter<mutex> hold(condition_variable& c) noexcept {
  return detail::hold_awaiter<mutex>(c.own_mutex());
}
/// `co_await` it: takes a permit, as `semaphore::acquire`.
[[nodiscard("co_await it")]] inline detail::lock_awaiter<semaphore> acquire(semaphore& s) noexcept {
  return detail::lock_awaiter<semaphore>(s);
}
[[nodiscard("co_await it")]] inline detail::lock_awaiter<bounded_semaphore> acquire(bounded_semaphore& s) noexcept {
  return detail::lock_awaiter<bounded_semaphore>(s);
}
/// `co_await` it: waits until it has happened, as `event::wait`; its result is true.
[[nodiscard("co_await it")]] inline detail::event_awaiter wait(event& e) noexcept { return detail::event_awaiter(e); }

/// Waits for a notification, as `condition_variable::wait`.
[[nodiscard]] NAKH_API task<> wait(condition_variable& c);
/// Waits until `condition()` is true, and returns its value.
template <class Condition>
  requires std::is_invocable_v<Condition&>
[[nodiscard]] task<std::invoke_result_t<Condition&>> wait(condition_variable& c, Condition condition) {
  auto value = condition();
  while (!value) {
    co_await wait(c);
    value = condition();
  }
  co_return value;
}

/// Waits until all parties are here, as `barrier::wait`.
[[nodiscard]] NAKH_API task<std::size_t> wait(barrier& b);
/// As `barrier::reset`.
[[nodiscard]] NAKH_API task<> reset(barrier& b);
/// As `barrier::abort`.
[[nodiscard]] NAKH_API task<> abort(barrier& b);

}  // namespace stackless

}  // namespace nakh
