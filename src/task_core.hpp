// SPDX-License-Identifier: BSL-1.0
#pragma once

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

  task_label label;
  source_location where;
  int cancel_requests = 0;
  /// Where it stands in the round of cancellations that is under way, see `cancel_task`.
  enum class in_round : unsigned char { no, noted, handled } round = in_round::no;
  task_core* round_next;  ///< The next one noted, or handled.
  task_core* noted_by;    ///< Whose wait handed the request on to it.
};

/// The library's part of a task: its fiber, its cancellation requests, its name. Stands in front of the task's block.
class task_core : public seldom_of_task, public task_link, public fiber {  // linked while the task is unfinished
 public:
  task_core(const loop_core& loop, const task_body& own_body, const task_settings& settings);

  [[nodiscard]] future_state& state() const noexcept;
  /// The task whose block begins with `state`.
  static task_core& in_front_of(future_state& state) noexcept;

  const task_body& body;

  static task_core& of(fiber& f) noexcept { return static_cast<task_core&>(f); }
  static const task_core& of(const fiber& f) noexcept { return static_cast<const task_core&>(f); }
  static task_core& of(task_link& l) noexcept { return static_cast<task_core&>(l); }
};

/// A task's block: the library's part, then, at this distance, the future's state, which the templates know.
inline constexpr std::size_t room_in_front =
    (sizeof(task_core) + alignof(std::max_align_t) - 1) / alignof(std::max_align_t) * alignof(std::max_align_t);

inline future_state& task_core::state() const noexcept {
  return *reinterpret_cast<future_state*>(reinterpret_cast<std::byte*>(const_cast<task_core*>(this)) + room_in_front);
}

inline task_core& task_core::in_front_of(future_state& state) noexcept {
  return *std::launder(reinterpret_cast<task_core*>(reinterpret_cast<std::byte*>(&state) - room_in_front));
}

}  // namespace nakh::detail
