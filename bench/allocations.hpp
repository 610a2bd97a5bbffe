// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <cstdint>

namespace bench {

/// How often this process has asked for heap memory, by malloc or by anything that ends in it, such as operator new. The
/// executable replaces malloc to know; the price, an increment, is the same for every runtime.
[[nodiscard]] std::uint64_t allocation_count() noexcept;

}  // namespace bench
