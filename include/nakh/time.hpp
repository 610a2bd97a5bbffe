// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>

#include <chrono>
#include <concepts>
#include <ratio>
#include <stdexcept>

namespace nakh {

/// A relative time, in nanoseconds.
using duration = std::chrono::nanoseconds;

/// The loop's clock: steady, in nanoseconds; wall-clock jumps do not move it.
struct clock {
  /// Its durations: nanoseconds.
  using duration = nakh::duration;
  using rep = duration::rep;
  using period = duration::period;
  /// Its moments.
  using time_point = std::chrono::time_point<clock, duration>;
  static constexpr bool is_steady = true;

  /// The running loop's time, which is virtual when the loop's clock is; outside a loop the machine's steady clock.
  /// @par Thread safety  Any thread.
  [[nodiscard]] static NAKH_API time_point now() noexcept;
};

/// An absolute time on `nakh::clock`.
using time_point = clock::time_point;

/// A relative time as an argument: made from any `std::chrono` duration, saturating at the ends of the range
/// instead of overflowing. `std::chrono::hours::max()` is simply "never" (292 years).
/// @throws std::invalid_argument  from a NaN.
/// @par Thread safety  As int.
class delay {
 public:
  /// From a duration of any unit.
  template <class Rep, class Period>
  constexpr delay(std::chrono::duration<Rep, Period> d) : value_(saturate(d)) {}  // NOLINT(google-explicit-constructor)

  /// The time, in nanoseconds.
  [[nodiscard]] constexpr duration value() const noexcept { return value_; }
  /// True for zero and for a negative time.
  [[nodiscard]] constexpr bool is_due() const noexcept { return value_ <= duration::zero(); }

 private:
  template <class Rep, class Period>
  static constexpr duration saturate(std::chrono::duration<Rep, Period> d) {
    using ratio = std::ratio_divide<Period, std::nano>;
    if constexpr (std::integral<Rep> && ratio::den == 1) {
      duration::rep ns = 0;
      if (__builtin_mul_overflow(d.count(), ratio::num, &ns)) return d.count() < 0 ? duration::min() : duration::max();
      return duration(ns);
    } else {
      if constexpr (std::floating_point<Rep>) {
        if (d.count() != d.count()) throw std::invalid_argument("nakh: a delay must be a number, not NaN");
      }
      // Compared in floating point: exact enough at the ends of the range, and it cannot overflow.
      const long double ns = static_cast<long double>(d.count()) * ratio::num / ratio::den;
      if (ns >= static_cast<long double>(duration::max().count())) return duration::max();
      if (ns <= static_cast<long double>(duration::min().count())) return duration::min();
      return std::chrono::duration_cast<duration>(d);
    }
  }
  duration value_;
};

/// `from + d`, saturating at the ends of the range.
/// @par Thread safety  Any thread.
[[nodiscard]] constexpr time_point after(time_point from, delay d) noexcept {
  const duration::rep a = from.time_since_epoch().count();
  const duration::rep b = d.value().count();
  duration::rep sum = 0;
  if (__builtin_add_overflow(a, b, &sum)) return b < 0 ? time_point::min() : time_point::max();
  return time_point(duration(sum));
}

/// A clock that stands still while anything can run and jumps to the next deadline when every task waits:
/// programs with hours of sleep finish at once, and always in the same order.
///
/// Give it to a loop by `run_options::clock` or `loop_options::clock`; it must outlive the loop.
/// When the loop stays busy for a thousand passes (a task that spins on `yield`), it jumps all the same, so that
/// no timer starves.
/// @par Thread safety  The loop's thread only.
/// @par Source         Trio's MockClock with autojump.
class virtual_clock {
 public:
  /// The virtual time.
  [[nodiscard]] time_point now() const noexcept { return now_; }
  /// Moves on by `d`. Timers that became due fire in the loop's next pass. Never moves back.
  void advance(delay d) noexcept { jump_to(after(now_, d)); }
  /// Moves on to `t`; a `t` in the past changes nothing.
  void jump_to(time_point t) noexcept {
    if (t > now_) now_ = t;
  }

 private:
  time_point now_{};
};

namespace detail {
/// The clock of the loop that runs in this thread: null when none runs or its clock is the machine's.
NAKH_API virtual_clock*& current_virtual_clock() noexcept;
/// The machine's steady clock.
NAKH_API time_point steady_now() noexcept;
}  // namespace detail

}  // namespace nakh
