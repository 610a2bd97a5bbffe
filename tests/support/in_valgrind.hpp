// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <cstdlib>
#include <cstring>

namespace nakh::test {

/// Valgrind says so to the programs that it runs.
inline bool in_valgrind() {
  const char* const preloaded = std::getenv("LD_PRELOAD");
  return preloaded != nullptr && std::strstr(preloaded, "vgpreload") != nullptr;
}

}  // namespace nakh::test
