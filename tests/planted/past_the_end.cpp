// SPDX-License-Identifier: BSL-1.0
// A task writes behind an array on its own stack, after it has waited.
#include "planted.hpp"

#include <array>
#include <cstddef>

[[gnu::noinline]] static void write_past_the_end(int* begin, std::size_t place) { begin[place] = 1; }

int main(int count, char** arguments) {
  const std::size_t place = is_planted(count, arguments) ? 8 : 7;
  nakh::run([place] {
    auto writer = nakh::async([place] {
      std::array<int, 8> numbers{};
      nakh::yield();
      write_past_the_end(numbers.data(), place);
      use(numbers);
    });
    auto other = nakh::async([] { nakh::yield(); });
    nakh::gather(writer, other);
  });
}
