// SPDX-License-Identifier: BSL-1.0
#pragma once
#include "row.hpp"

#include <chrono>
#include <cstddef>

namespace bench {

/// What the system says about this process.
struct usage {
  std::size_t resident_bytes = 0;    ///< Pages in memory, page tables not counted.
  std::size_t page_table_bytes = 0;  ///< What the kernel needs to know where those pages are.
  std::size_t mappings = 0;          ///< Lines of /proc/self/maps; vm.max_map_count (65,530) is their limit.

  static usage now();
};

/// Reports what `count` parked fibers have added since `before`, per fiber.
void report_parked(stopwatch& watch, const usage& before, std::size_t count);

/// When `count` sleepers that are started now are to wake up: late enough that the last one is asleep by then.
std::chrono::steady_clock::time_point due_for(std::size_t count);

/// Blocks the thread until `due`. Fails the row if it is too late for that, since then some slept shorter than others.
void block_until(std::chrono::steady_clock::time_point due, stopwatch& watch);

}  // namespace bench
