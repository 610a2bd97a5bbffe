// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>
#include <nakh/lowlevel.hpp>

#include <cstddef>

namespace nakh::detail {

struct loop_core;
struct routine;
class scheduler;

/// Tasks that wait in line for something, first come, first served. What all primitives that make tasks wait are built on.
///
/// Who was woken keeps its place until it runs: nobody overtakes it, and when it was cancelled meanwhile, it must pass on
/// what it was woken for. The places are in the frames of those who wait: nothing is allocated.
/// @par Thread safety  The thread of the loop whose tasks wait.
class NAKH_API wait_queue {
 public:
  /// How tasks wait in a line for `what`, a word for dumps and errors: "mutex".
  [[nodiscard]] static constexpr lowlevel::wait_kind kind_of(const char* what) noexcept { return {&place::give_up, what}; }
  /// `kind` comes from there, and lasts for ever.
  explicit wait_queue(const lowlevel::wait_kind& kind) noexcept : kind_(&kind) {}
  /// Whoever still waits does so until it is cancelled.
  ~wait_queue();
  wait_queue(const wait_queue&) = delete;
  wait_queue& operator=(const wait_queue&) = delete;

  enum class ending {
    woken,
    cancelled,
    woken_then_cancelled,  ///< It was its turn; what it was woken for must go to another one.
    woken_then_destroyed,  ///< It was its turn, but now there is no queue, nor what it belongs to: neither must be touched.
    abandoned,             ///< Cancelled after the queue was destroyed: neither it nor what it belongs to must be touched.
  };
  /// Suspends the current task until it is woken or cancelled. Throws no `cancelled_error`: that is left to the caller,
  /// who has to put things in order before, with `lowlevel::throw_cancelled`.
  /// @throws usage_error  outside a task; in another loop than who waits here.
  [[nodiscard]] ending wait();
  /// Throws what `how` means to one who waited for `what` and cannot go on.
  /// @throws usage_error      woken_then_destroyed: there is nothing left to have.
  /// @throws cancelled_error  else.
  [[noreturn]] static void throw_ended(ending how, const char* what);
  /// Throws what `wait` would, without waiting. @throws usage_error
  void require_task() const;
  /// The same, also in a coroutine.
  void require_fiber() const;

  /// Whose tasks wait here from now on.
  void note_loop(loop_core& loop) noexcept { loop_ = &loop; }
  /// What is waited for, as a word.
  [[nodiscard]] const char* what() const noexcept { return kind_->what; }
  /// Nobody is in line, nor woken and still to run.
  [[nodiscard]] bool empty() const noexcept { return line_.next == &line_; }
  /// The line in which `r` stands parked; null when it is in none, or the line is gone.
  [[nodiscard]] static const wait_queue* where_waits(const routine& r) noexcept;

  /// Wakes the first who was not woken yet. False when there is none. O(1)
  bool wake_one() noexcept;
  /// Wakes the first in line, unless that was done before: then nobody. O(1)
  void wake_first() noexcept;
  /// Wakes at most `most`, in order. O(woken)
  std::size_t wake(std::size_t most) noexcept;
  void wake_all() noexcept { wake(static_cast<std::size_t>(-1)); }

  /// Where one stands in line; for the library.
  struct link {
    link* next;
    link* prev;
  };
  struct place : link, lowlevel::wait_op {
    place(wait_queue& q, scheduler& s, routine& r) noexcept;
    static bool give_up(wait_op& self) noexcept;
    /// At the line's end.
    void enter(wait_queue& q) noexcept;
    /// It waits no more: leaves the line, and says how that came.
    [[nodiscard]] ending end() noexcept;

    wait_queue* queue;  ///< Null once this place is not in line any more, or the queue is gone.
    scheduler& sched;
    routine& waiting;
    bool woken = false;
    bool cancelled = false;
    bool abandoned = false;
  };

 private:
  [[nodiscard]] bool is_of_another_loop() const noexcept;
  void check_task() const;
  void check_fiber() const;
  void leave(place& p) noexcept;

  link line_{&line_, &line_};
  link* asleep_ = &line_;  ///< The first who was not woken: those who were stand in front of it.
  loop_core* loop_ = nullptr;
  const lowlevel::wait_kind* kind_;
};

}  // namespace nakh::detail
