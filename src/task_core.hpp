// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "fiber.hpp"
#include "loop_core.hpp"

#include <nakh/source_location.hpp>
#include <nakh/task.hpp>

#include <cstdint>
#include <memory>
#include <string>

namespace nakh::detail {

/// The library's part of a task: its fiber, its cancellation requests, its name. Stands in front of the task's block.
class task_core : public task_link, public fiber {  // linked while the task is unfinished
 public:
  task_core(const loop_core& loop, const task_body& own_body, const task_settings& settings);

  [[nodiscard]] future_state& state() const noexcept;

  const task_body& body;
  int cancel_requests = 0;
  /// Where it stands in the round of cancellations that is under way, see `cancel_task`.
  enum class in_round : unsigned char { no, noted, handled } round = in_round::no;
  task_core* round_next = nullptr;    ///< The next one noted, or handled.
  task_core* noted_by = nullptr;      ///< Whose wait handed the request on to it.
  std::uint64_t number = 0;           ///< Of "Task-N", while it has no name.
  std::unique_ptr<std::string> name;  ///< Null: none was given.
  source_location where;

  static task_core& of(fiber& f) noexcept { return static_cast<task_core&>(f); }
  static const task_core& of(const fiber& f) noexcept { return static_cast<const task_core&>(f); }
  static task_core& of(task_link& l) noexcept { return static_cast<task_core&>(l); }
};

}  // namespace nakh::detail
