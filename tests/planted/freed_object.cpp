// SPDX-License-Identifier: BSL-1.0
// One task frees what another one, which waits meanwhile, reads then.
#include "planted.hpp"

#include <memory>

[[gnu::noinline]] static int read_from_other_task(const int* value) { return *value + 1; }

int main(int count, char** arguments) {
  const bool planted = is_planted(count, arguments);
  nakh::run([planted] {
    auto shared = std::make_unique<int>(1);
    const int* const borrowed = shared.get();
    auto reader = nakh::async([borrowed] {
      nakh::yield();
      use(read_from_other_task(borrowed));
    });
    auto owner = nakh::async([&] {
      if (planted) shared.reset();
    });
    nakh::gather(reader, owner);
  });
}
