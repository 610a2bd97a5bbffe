// SPDX-License-Identifier: BSL-1.0
// Rows: T-wfor-04 T-wfor-05
#include "trace.hpp"

TRACE(wait_for_zero) {
  run([] {
    auto done = get_running_loop().create_future<std::string>();
    done.set_result("there already");
    say(wait_for(done, 0s));
    say(error_of([] { wait_for([] { say("never"); }, 0s); }));
    auto running = async([] {
      try {
        sleep(10s);
      } catch (...) {
        say("stopped", now());
        throw;
      }
    });
    sleep(1s);
    const auto error = error_of([&] { wait_for(running, -1s); });
    say(error, running.cancelled(), now());
  });
}
