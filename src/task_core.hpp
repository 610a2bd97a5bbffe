// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "coroutine.hpp"
#include "fiber.hpp"
#include "loop_core.hpp"

#include <nakh/source_location.hpp>
#include <nakh/task.hpp>

#include <cstddef>
#include <cstdint>
#include <new>
#include <string>
#include <utility>

namespace nakh::detail {

/// What a task is called: a text that it was given, or its number. One word.
class task_label {
 public:
  explicit task_label(std::uint64_t number) noexcept : bits_(number * 2 + 1) {}
  explicit task_label(std::string text) : bits_(reinterpret_cast<std::uintptr_t>(new std::string(std::move(text)))) {}
  task_label(const task_label&) = delete;
  task_label& operator=(const task_label&) = delete;
  task_label& operator=(std::string text) {
    task_label changed(std::move(text));
    std::swap(bits_, changed.bits_);
    return *this;
  }
  ~task_label() {
    if (is_text()) delete &text();
  }

  [[nodiscard]] bool is_text() const noexcept { return bits_ % 2 == 0; }
  [[nodiscard]] const std::string& text() const noexcept {
    return *reinterpret_cast<const std::string*>(bits_);  // NOLINT(performance-no-int-to-ptr)
  }
  [[nodiscard]] std::uint64_t number() const noexcept { return bits_ / 2; }

 private:
  std::uint64_t bits_;
};

/// What a running task seldom needs. Stands apart from what it touches at each turn: in a gather of ten thousand the
/// caches are what counts.
struct seldom_of_task {
  explicit seldom_of_task(const task_settings& settings);

  [[nodiscard]] source_location where() const noexcept { return source_location::current(file, line); }

  task_label label;
  const char* file;  ///< Where it was made; and the line, right behind it.
  std::uint32_t line;
  /// Where it stands in the round of cancellations that is under way, see `cancel_task`.
  enum class in_round : unsigned int { no, noted, handled };
  // In one word with the line: a million parked tasks are a million of these.
  unsigned int cancel_requests : 30 = 0;
  in_round round : 2 = in_round::no;
};

/// The library's part of a task: its cancellation requests, its name, and behind these its routine. Stands in front of the
/// task's block.
class task_core : public seldom_of_task, public ring_link {  // linked while the task is unfinished
 public:
  using seldom_of_task::seldom_of_task;

  [[nodiscard]] future_state& state() const noexcept;
  [[nodiscard]] detail::routine& routine() noexcept;
  [[nodiscard]] const detail::routine& routine() const noexcept { return const_cast<task_core*>(this)->routine(); }
  [[nodiscard]] bool is_coroutine() const noexcept { return routine().is_coroutine(); }
  /// Null when it is none.
  [[nodiscard]] const fiber* as_fiber() const noexcept { return is_coroutine() ? nullptr : static_cast<const fiber*>(&routine()); }

  static task_core& of(detail::routine& r) noexcept;
  static const task_core& of(const detail::routine& r) noexcept { return of(const_cast<detail::routine&>(r)); }
  static task_core& of(ring_link& l) noexcept { return static_cast<task_core&>(l); }
};

/// All of the library's part, for a task that is run by a `Routine`. At the distance `room` from its begin follows the
/// future's state, which the templates know.
template <class Routine>
class task_of final : public task_core, public Routine {
 public:
  template <class Start>
  task_of(Start start, const task_settings& settings) : task_core(settings), Routine(start) {}

  static constexpr std::size_t room() noexcept {
    return (sizeof(task_of) + alignof(std::max_align_t) - 1) / alignof(std::max_align_t) * alignof(std::max_align_t);
  }
  [[nodiscard]] future_state& state() const noexcept {
    return *std::launder(reinterpret_cast<future_state*>(reinterpret_cast<std::byte*>(const_cast<task_of*>(this)) + room()));
  }
  /// The task whose block begins with `state`.
  static task_of& in_front_of(future_state& state) noexcept {
    return *std::launder(reinterpret_cast<task_of*>(reinterpret_cast<std::byte*>(&state) - room()));
  }
  static task_of& of(Routine& r) noexcept { return static_cast<task_of&>(r); }
};
using fiber_task = task_of<fiber>;
using coroutine_task = task_of<coroutine>;

// The routine stands at the same distance in both, so that these compile to an addition.
inline routine& task_core::routine() noexcept { return static_cast<fiber_task&>(*this); }
inline task_core& task_core::of(detail::routine& r) noexcept { return static_cast<fiber_task&>(static_cast<fiber&>(r)); }
inline future_state& task_core::state() const noexcept {
  return is_coroutine() ? static_cast<const coroutine_task&>(*this).state() : static_cast<const fiber_task&>(*this).state();
}

/// Makes the task, of which `state` is the block, a guest: a fiber that another runtime runs. It counts as begun, and is not queued.
/// The routine's reference is to be given back with `owner().release`.
fiber& begin_as_guest(future_state& state) noexcept;
/// Runs the body of a guest's task to its end, on the stack where it is called.
void run_as_guest(fiber& guest) noexcept;

}  // namespace nakh::detail
