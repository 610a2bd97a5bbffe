// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>
#include <nakh/detail/shared_text.hpp>

#include <exception>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

namespace nakh {

/// A task was cancelled.
///
/// It is deliberately not a `std::exception`: a handler for ordinary errors must not swallow a cancellation.
/// Catch it to clean up, then rethrow it (`throw;`).
/// @par Source  asyncio.CancelledError, which is not an Exception either (CPython 3.14).
class NAKH_API cancelled_error {
 public:
  cancelled_error() noexcept = default;
  /// For the library.
  explicit cancelled_error(detail::shared_text reason) noexcept : reason_(std::move(reason)) {}

  /// The text that was given to `cancel(reason)`; empty when none was.
  [[nodiscard]] const std::string& reason() const noexcept { return reason_.text(); }
  /// For the library.
  [[nodiscard]] const detail::shared_text& shared_reason() const noexcept { return reason_; }

 private:
  detail::shared_text reason_;
};

/// An error that ends the loop rather than one task: it is stored in the task that threw it and also leaves
/// `run` at once. Not a `std::exception`, as Python's KeyboardInterrupt and SystemExit are no Exceptions.
class NAKH_API fatal_error {
 public:
  virtual ~fatal_error();
  /// One sentence for a log.
  [[nodiscard]] virtual const char* what() const noexcept = 0;

 protected:
  fatal_error() = default;
  fatal_error(const fatal_error&) = default;
  fatal_error& operator=(const fatal_error&) = default;
};

/// SIGINT arrived while `run` worked and the main task ended by it. Thrown by `run`.
class NAKH_API keyboard_interrupt final : public fatal_error {
 public:
  [[nodiscard]] const char* what() const noexcept override;
};

/// Thrown by a program that wants to leave every task and `run` with an exit code.
class NAKH_API system_exit final : public fatal_error {
 public:
  /// With the code that the program is to end with.
  explicit system_exit(int code) noexcept : code_(code) {}
  /// The code that it was made with.
  [[nodiscard]] int code() const noexcept { return code_; }
  [[nodiscard]] const char* what() const noexcept override;

 private:
  int code_;
};

/// A deadline passed: thrown by `wait_for`, `timeout`, `timeout_at` and an `as_completed` with a timeout.
/// @par Source         asyncio.TimeoutError, the built-in TimeoutError (CPython 3.14).
class NAKH_API timeout_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// An operation does not fit the state of its object: the result of a future that is not done, a second result.
/// @par Source         asyncio.InvalidStateError (CPython 3.14).
class NAKH_API invalid_state_error : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

/// The library is used where it cannot work: outside a loop, on a closed loop, from another loop.
/// @par Source  RuntimeError, where asyncio throws it.
class NAKH_API usage_error : public invalid_state_error {
 public:
  using invalid_state_error::invalid_state_error;
};

/// A context variable has neither a value in the current context nor a default.
/// @par Source  LookupError, which ContextVar.get throws.
class NAKH_API lookup_error : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

/// Every task of a loop waits and nothing is left that could wake one. Thrown by `run`, `runner::run` and
/// `run_until_complete`; `loop_options::deadlocks` says when it is looked for. `what()` names the tasks that wait for
/// each other in a circle, and tells of each task what it waits for.
class NAKH_API deadlock_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// No guarded stack can be had: the limit is reached, or the system refuses memory, a mapping or a guard.
/// `code()` is the system's reason; the message names the limit and how to raise it.
class NAKH_API stack_exhausted : public std::system_error {
 public:
  using std::system_error::system_error;
};

/// The name of the exception's type, and its message when it has one: `std::runtime_error: no route`.
/// Also for types that are no `std::exception`.
/// @par Thread safety  Any thread.
[[nodiscard]] NAKH_API std::string describe(const std::exception_ptr& error);

}  // namespace nakh
