// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>
#include <nakh/detail/ready.hpp>
#include <nakh/detail/state.hpp>
#include <nakh/detail/timer.hpp>
#include <nakh/detail/wait_queue.hpp>
#include <nakh/lowlevel.hpp>
#include <nakh/time.hpp>

#include <cassert>
#include <coroutine>
#include <cstddef>

// How a coroutine waits: with the same records of a wait as a fiber, which lie in its frame instead of on a stack.
//
// A coroutine that runs in a fiber, because a function there awaits it, never suspends: what it awaits blocks the fiber.
namespace nakh::detail {

struct coroutine;
class scheduler;

/// A wait for a future.
struct NAKH_API await_op : lowlevel::wait_op, completion {
  /// Not begun.
  explicit await_op(future_state* s) noexcept : wait_op{&waits}, completion(woken), awaited(s) {}
  await_op(routine& r, future_state& s) noexcept : await_op(&s) { waiting = &r; }
  /// The cancellation goes to what is awaited; when that ends, so does the wait, and with its outcome.
  static bool pass_on(wait_op& self) noexcept;
  static void wake(completion& self, future_state& done) noexcept;
  static const completion_kind woken;
  static const lowlevel::wait_kind waits;

  routine* waiting = nullptr;  ///< Null: it has not begun.
  future_state* awaited;
};

/// A wait for a time.
struct sleep_op : lowlevel::wait_op, hook {
  sleep_op(loop_core& l, routine& r) noexcept;
  static bool give_up(wait_op& self) noexcept;
  static const lowlevel::wait_kind waits;
  void wake() noexcept;
  void disarm() noexcept;

  loop_core& loop;
  routine& sleeper;
  timer clock{*this};
  bool over = false;
  bool cancelled = false;
};

/// Whether a fiber runs here, so that a wait may block. @throws usage_error  when that is no task at all
[[nodiscard]] NAKH_API bool runs_in_fiber();

/// `line.wait()`, in a fiber. @throws usage_error
[[nodiscard]] NAKH_API wait_queue::ending wait_in_line(wait_queue& line);

/// Whether nobody else wants a turn, so that a turn is over already. @throws cancelled_error  a cancellation that is pending
[[nodiscard]] NAKH_API bool has_turn_alone();
/// The running coroutine goes on in a later pass. It returns to its caller next.
NAKH_API void suspend_for_turn(std::coroutine_handle<> self);
/// The running coroutine waits in `op`.
NAKH_API void suspend_in(lowlevel::wait_op& op, std::coroutine_handle<> self);
/// It goes on. @throws cancelled_error  a cancellation that is pending
NAKH_API void resume_after_wait();
/// The same when it is known who.
NAKH_API void resume_after_wait(routine& waited);

/// Storage for a record that is made when the wait begins.
template <class Op>
class later {
 public:
  later() noexcept {}
  /// Before it is made only.
  later(later&& other) noexcept { assert(!other.made_ && "a wait that has begun stays where it is"); }
  later& operator=(later&&) = delete;
  ~later() {
    if (made_) op_.~Op();
  }
  template <class... Args>
  Op& make(Args&&... args) noexcept {
    ::new (static_cast<void*>(std::addressof(op_))) Op(std::forward<Args>(args)...);
    made_ = true;
    return op_;
  }
  [[nodiscard]] explicit operator bool() const noexcept { return made_; }
  [[nodiscard]] Op& operator*() noexcept { return op_; }

 private:
  union {
    Op op_;
  };
  bool made_ = false;
};

/// The running coroutine waits for `op.awaited`, which is not done. False when a fiber runs: then it has waited. @throws usage_error
[[nodiscard]] NAKH_API bool suspend_in_future(await_op& op, std::coroutine_handle<> self);
/// One that is over already is a turn.
NAKH_API void suspend_until(later<sleep_op>& op, time_point deadline, std::coroutine_handle<> self);
/// The same for `d` from now.
NAKH_API void suspend_until(later<sleep_op>& op, delay d, std::coroutine_handle<> self);
NAKH_API void resume_after_sleep(later<sleep_op>& op);

/// A coroutine's place in a line.
class NAKH_API line_wait {
 public:
  line_wait() noexcept = default;
  /// Asked when it was woken and not cancelled, and the line is still there: true, and it waits on, at the line's end.
  using condition = bool (*)(line_wait&) noexcept;
  void suspend(wait_queue& line, std::coroutine_handle<> self, condition waits_on = nullptr);
  /// As `wait_queue::wait` returns.
  [[nodiscard]] wait_queue::ending resume() noexcept;
  /// Whether it was suspended.
  [[nodiscard]] bool has_waited() const noexcept { return static_cast<bool>(place_); }

 private:
  struct own_place : wait_queue::place {
    own_place(wait_queue& q, scheduler& s, routine& r, line_wait& w, condition c) noexcept;
    line_wait& wait;
    condition waits_on;
    std::coroutine_handle<> self = nullptr;
  };
  friend bool waits_on(coroutine& c) noexcept;
  later<own_place> place_;
};

}  // namespace nakh::detail
