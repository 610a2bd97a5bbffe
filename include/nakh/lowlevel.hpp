// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>

#include <cstdint>

namespace nakh::detail {
struct routine;
class scheduler;
}  // namespace nakh::detail

/// @file
/// For those who build their own primitives: the one way to suspend, and the one way to wake.
namespace nakh::lowlevel {

struct wait_op;

/// What waits of one kind have in common.
struct wait_kind {
  /// Called when the parked fiber is cancelled, at most once for each request and never again after the fiber was woken.
  ///
  /// It either takes the cancellation over or refuses it:
  /// - true: the wait ends because of it. The function has woken the fiber, or has passed the request on to something
  ///   that will wake it in its own time (a task that must clean up first). `park` then returns as from any wake, and
  ///   its caller finds out from its own state whether to throw `cancelled_error`. Nothing may be left behind that
  ///   could wake or serve the fiber for this wait.
  /// - false: the wait cannot be ended now. It goes on until it is woken as usual; `park` then throws
  ///   `cancelled_error`, and its caller gives on to others what it was woken with.
  /// Null means: always refuse. It must not suspend, nor run a user's code.
  bool (*abort)(wait_op& self) noexcept = nullptr;
  /// What is waited for, as a word for dumps: "sleep", "future".
  const char* what = "";
};

/// That of a wait that refuses to end, and has no name.
inline constexpr wait_kind unnamed_wait;

/// What a fiber is parked in. Lives in the parked fiber's frame; derive from it to add what the wake needs.
struct wait_op {
  const wait_kind* kind = &unnamed_wait;  ///< Lasts at least as long as the wait.
};

/// Suspends the current fiber until `unpark`, a `waker` or `op.kind->abort` wakes it.
///
/// Nothing else in the library suspends a fiber, apart from `yield`. A cancellation that is pending on entry is
/// offered to `op.kind->abort` at once; one that arrives during exception unwinding (`std::uncaught_exceptions() > 0`) is
/// kept for the first suspension after it, so that destructors may wait.
/// @throws cancelled_error      on the way out, when a cancellation is pending that `abort` did not take over.
/// @throws usage_error          outside a task.
/// @par Thread safety  The loop's thread only.
/// @par Complexity     O(1), no allocation; a few nanoseconds more than the switch itself.
NAKH_API void park(wait_op& op);

/// Throws `cancelled_error` with the reason of the current task's latest cancellation.
/// @par Thread safety  The loop's thread only.
[[noreturn]] NAKH_API void throw_cancelled();

/// The right to wake one suspension of one fiber, from the loop's thread. A wake that comes late, when the fiber has
/// gone on or ended, does nothing. Copies are equal; a waker keeps the task's memory (not its stack) alive.
/// @par Thread safety  The loop's thread only.
class NAKH_API waker {
 public:
  waker() noexcept = default;
  waker(const waker& other) noexcept;
  waker(waker&& other) noexcept;
  /// Takes the place of what was here.
  waker& operator=(waker other) noexcept;
  ~waker();

  /// A waker for the next suspension of the running fiber.
  /// @throws usage_error  outside a task.
  [[nodiscard]] static waker for_next_park();

  /// Makes the fiber ready, if it is still in that suspension. True when it did.
  bool wake() noexcept;

 private:
  detail::routine* routine_ = nullptr;
  detail::scheduler* scheduler_ = nullptr;
  std::uint32_t epoch_ = 0;
};

}  // namespace nakh::lowlevel
