// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>
#include <nakh/task.hpp>

#include <coroutine>
#include <cstddef>

namespace nakh::detail {

/// What `task_block` does for a function, for a coroutine: the library's part in front of a task's block.
struct NAKH_API coroutine_block {
  /// Memory for a task of `loop` whose block has `size` bytes, with room for the library's own part in front of it.
  /// @throws usage_error     the loop is closed
  /// @throws std::bad_alloc
  [[nodiscard]] static void* allocate(std::size_t size, loop_core& loop);
  static void free(void* block, std::size_t size) noexcept;
  /// Makes the library's part, in front of a block that came from `allocate`. The task owns the coroutine from now on, whose first
  /// step is queued, or taken. @throws std::bad_alloc  then the coroutine is destroyed
  static void begin(future_state& block, std::coroutine_handle<> root, const task_settings& settings);
  [[nodiscard]] static task_core* in_front_of(future_state& block) noexcept;
  /// Unmakes that part.
  static void detach(future_state& block) noexcept;
};

}  // namespace nakh::detail
