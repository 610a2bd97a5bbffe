// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "fiber.hpp"

#include <nakh/task_graph.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace nakh::detail {

/// A fiber whose stack is wanted, and where to.
struct stack_request {
  const fiber* of;
  std::vector<stack_entry>* to;
};

/// Reads the stacks of fibers that do not run, and of the caller's own from here on: by the tables that exceptions are unwound
/// with, so that no frame pointers are needed. Names and lines come as far as the program has symbols and `-g`. The
/// library's own steps at both ends are left out; a fiber that has not begun has no stack. Returns why there are none at all;
/// nothing when all is well.
///
/// It is elfutils' libdw that does it, loaded when first needed. It takes more stack than a fiber has, so it runs in a
/// thread of its own, and the caller waits for that.
/// @throws std::bad_alloc
std::string walk_stacks(std::span<const stack_request> requests);

/// What a signal handler keeps of the code that it interrupts: its registers, and its stack. Where that code was can be
/// found out later from these, outside of the handler, where a search in tables of the program may allocate and lock.
struct stack_snapshot {
  /// @throws std::bad_alloc
  stack_snapshot();

  /// Where the interrupted stack was; null on a processor that is not known.
  [[nodiscard]] static const std::byte* stack_pointer(const void* machine) noexcept;
  /// In the handler, which gives its third argument: keeps what lies between the stack pointer and `end`, the inner part
  /// when it is too much.
  void take(const void* machine, const std::byte* end) noexcept;
  void clear() noexcept { size = 0; }
  [[nodiscard]] bool is_empty() const noexcept { return size == 0; }

#if defined(__x86_64__)
  static constexpr unsigned int register_count = 17;
#else
  static constexpr unsigned int register_count = 32;
#endif
  static constexpr std::size_t most_words = 8 * 1024;

  std::array<std::uint64_t, register_count> registers{};  ///< By their DWARF numbers, the stack pointer among them; on x86-64 `resume` too.
  std::uint64_t resume = 0;
  const std::byte* begin = nullptr;  ///< Where the first of the words was.
  std::size_t size = 0;              ///< How many bytes.
  std::unique_ptr<std::uint64_t[]> words;
};

/// The stack of interrupted code, as `walk_stacks` tells it.
/// @throws std::bad_alloc
std::string walk_snapshot(const stack_snapshot& snapshot, std::vector<stack_entry>& to);

}  // namespace nakh::detail
