// SPDX-License-Identifier: BSL-1.0
// A task counts beyond the largest int.
#include "planted.hpp"

#include <limits>

int main(int count, char** arguments) {
  int number = is_planted(count, arguments) ? std::numeric_limits<int>::max() : 1;
  nakh::run([number]() mutable {
    nakh::async([&number] {
      nakh::yield();
      use(number);
      ++number;
      use(number);
    }).await();
  });
}
