// SPDX-License-Identifier: BSL-1.0
// A task reads a variable of a function of another task, which has returned.
#include "planted.hpp"

[[gnu::noinline]] static int read_from_other_task(const int* value) { return *value + 1; }

[[gnu::noinline]] static const int* address_of_local() {
  int local = 2;
  const int* address = &local;
  __asm__ volatile("" : "+r"(address) : : "memory");  // hides where it comes from
  return address;
}

int main(int count, char** arguments) {
  const bool planted = is_planted(count, arguments);
  nakh::run([planted] {
    const int outside = 1;
    const int* shown = &outside;
    auto owner = nakh::async([&] {
      const int* const local = address_of_local();
      if (planted) shown = local;
      nakh::sleep(std::chrono::milliseconds(1));
    });
    auto reader = nakh::async([&] { use(read_from_other_task(shown)); });
    nakh::gather(owner, reader);
  });
}
