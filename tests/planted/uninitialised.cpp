// SPDX-License-Identifier: BSL-1.0
// A task decides by what nobody has written, in memory that another task has made.
#include "planted.hpp"

#include <cstdlib>

[[gnu::noinline]] static int decide_in_task(const int* value) { return *value > 5 ? 1 : 2; }

int main(int count, char** arguments) {
  const bool planted = is_planted(count, arguments);
  nakh::run([planted] {
    auto* const memory = static_cast<int*>(std::malloc(sizeof(int)));
    if (memory == nullptr) return;
    auto writer = nakh::async([&] {
      if (!planted) *memory = 1;
      nakh::yield();
    });
    auto reader = nakh::async([&] {
      nakh::yield();
      if (decide_in_task(memory) == 1) std::puts("more");
    });
    nakh::gather(writer, reader);
    std::free(memory);
  });
}
