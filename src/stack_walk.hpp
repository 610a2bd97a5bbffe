// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "fiber.hpp"

#include <nakh/task_graph.hpp>

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

}  // namespace nakh::detail
