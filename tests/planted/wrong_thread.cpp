// SPDX-License-Identifier: BSL-1.0
// Another thread cancels a future of a loop that runs. In debug mode this ends the program: `cancel` may not throw.
#include "planted.hpp"

#include <thread>

int main(int count, char** arguments) {
  const bool planted = is_planted(count, arguments);
  nakh::run_options options;
  options.loop.debug = true;
  nakh::run(options, [planted] {
    nakh::get_running_loop().set_slow_callback_duration(std::chrono::hours(1));
    const nakh::future<> f;
    if (planted) {
      std::thread([&f] { f.cancel(); }).join();
    } else {
      f.cancel();
    }
  });
}
