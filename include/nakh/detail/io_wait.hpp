// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>
#include <nakh/lowlevel.hpp>

#include <coroutine>
#include <utility>

namespace boost::asio {
class io_context;
}

namespace nakh::detail {

class ready_source;
struct loop_core;

/// The loop's reactor. The loop alone runs it.
NAKH_API boost::asio::io_context& io_context_of(loop_core& loop) noexcept;
/// From now on the loop looks at these too. One source a loop, which lasts as long as the loop runs.
NAKH_API void look_at(loop_core& loop, ready_source& source) noexcept;

/// A task's wait for an operation that somebody else carries out: Boost.Asio.
///
/// It lies in the task's frame, as does all that the operation works on. So it lasts until the operation has ended, whatever
/// becomes of the task: a cancellation asks the operation to end, and what it ended with decides.
class NAKH_API io_wait : public lowlevel::wait_op {
 public:
  /// Asks the operation to end soon. It may have ended, within the call too, when this returns. Null: it cannot be asked.
  using cancel_function = void (*)(io_wait&) noexcept;
  /// `what` is waited for.
  [[nodiscard]] static constexpr lowlevel::wait_kind kind_of(const char* what) noexcept { return {&pass_on, what}; }

  /// Of the running task. Then the operation begins, which ends with `finish`. `how` is made by `kind_of`, and lasts as long.
  /// @throws usage_error      outside a task
  /// @throws cancelled_error  a cancellation that is pending: the operation does not begin
  io_wait(const lowlevel::wait_kind& how, cancel_function cancel);
  io_wait(const io_wait&) = delete;
  io_wait& operator=(const io_wait&) = delete;

  /// In a fiber: returns when the operation has ended.
  void block();
  /// In a coroutine: it waits until the operation has ended, and returns to its caller next. False: it has ended already.
  [[nodiscard]] bool suspend(std::coroutine_handle<> self);
  /// The coroutine goes on.
  void resume() noexcept;

  /// The operation has ended.
  /// @par Thread safety  Any thread. In another one than the loop's it takes memory, and ends the program when there is none.
  void finish() noexcept;

  [[nodiscard]] loop_core& loop() const noexcept { return loop_; }
  [[nodiscard]] bool finished() const noexcept { return finished_; }
  /// Whether the task was cancelled while it waited.
  [[nodiscard]] bool cancelled() const noexcept { return cancelled_; }
  /// What the operation has done counts: the cancellation is delivered at the task's next suspension instead.
  void keep_cancellation() noexcept;

 protected:
  ~io_wait() = default;

 private:
  static bool pass_on(wait_op& self) noexcept;
  void arrive() noexcept;

  routine& waiting_;
  loop_core& loop_;
  cancel_function cancel_;
  bool finished_ = false;
  bool cancelled_ = false;
};

/// Somebody outside is expected to do something: virtual time gives that a moment before it jumps. The loop must last as long.
class NAKH_API io_expected {
 public:
  explicit io_expected(loop_core& loop) noexcept;
  io_expected(io_expected&& other) noexcept : loop_(std::exchange(other.loop_, nullptr)) {}
  io_expected& operator=(io_expected&&) = delete;
  ~io_expected();

 private:
  loop_core* loop_;
};

}  // namespace nakh::detail
