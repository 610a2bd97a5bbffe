// SPDX-License-Identifier: BSL-1.0
// A task ends, and with it the only pointer to some memory.
#include "planted.hpp"

#include <cstdlib>

[[gnu::noinline]] static void allocate_and_forget(bool forget) {
  void* memory = std::malloc(1000);
  use(memory);
  nakh::yield();
  if (!forget) std::free(memory);
  memory = nullptr;
  use(memory);
}

int main(int count, char** arguments) {
  const bool planted = is_planted(count, arguments);
  nakh::run([planted] {
    auto first = nakh::async([planted] { allocate_and_forget(planted); });
    auto second = nakh::async([] { allocate_and_forget(false); });
    nakh::gather(first, second);
  });
}
