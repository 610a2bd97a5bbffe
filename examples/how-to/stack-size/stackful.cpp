// SPDX-License-Identifier: BSL-1.0
// A task that recurses deeply gets a large stack, one that hardly calls anything a small one.
#include <nakh/nakh.hpp>

#include <iostream>
#include <utility>

// [main]
int depth_of(int n) {
  volatile char room[1024] = {};  // as a real function's variables
  if (n == 0) return room[0];
  return 1 + depth_of(n - 1) + room[0];
}

int main() {
  nakh::run_options options;
  options.loop.stack_size = 128 * 1024;  // of tasks that do not say
  nakh::run(std::move(options), [] {
    const auto deep =
        nakh::async(nakh::task_options{.name = "deep", .stack_size = 8 * 1024 * 1024},
                    depth_of, 3'000);
    const auto flat = nakh::async(
        nakh::task_options{.name = "flat", .stack_size = 64 * 1024}, depth_of, 10);
    std::cout << "deep: " << nakh::await(deep) << "\nflat: " << nakh::await(flat)
              << '\n';
    std::cout << "most stacks at a time: "
              << nakh::get_running_loop().stacks().high_water << '\n';
  });
}
// [main]
