// SPDX-License-Identifier: BSL-1.0
// A task reads a variable on another task's stack, whose scope that one has left before it waited.
#include "planted.hpp"

[[gnu::noinline]] static int read_from_other_task(const int* value) { return *value + 1; }

int main(int count, char** arguments) {
  const bool planted = is_planted(count, arguments);
  nakh::run([planted] {
    const int* shown = nullptr;
    const int outside = 1;
    auto owner = nakh::async([&] {
      shown = &outside;
      {
        int inside = 2;
        use(inside);
        if (planted) shown = &inside;
      }
      nakh::sleep(std::chrono::milliseconds(1));
      use(outside);
    });
    auto reader = nakh::async([&] { use(read_from_other_task(shown)); });
    nakh::gather(owner, reader);
  });
}
