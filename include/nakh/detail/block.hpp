// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>

#include <cstddef>

namespace nakh::detail {

/// Memory for one small object, aligned for any ordinary type. Freed blocks are kept by the thread that frees them and
/// handed out again, so that a task or a callback costs no call of malloc once the program runs.
/// @throws std::bad_alloc
/// @par Thread safety  Any thread; a block may be freed by another thread than the one that allocated it.
[[nodiscard]] NAKH_API void* allocate_block(std::size_t size);
NAKH_API void free_block(void* block, std::size_t size) noexcept;

}  // namespace nakh::detail
