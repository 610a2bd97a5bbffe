// SPDX-License-Identifier: BSL-1.0
// Rows: T-gather-14 T-gather-15 T-gather-08
#include "trace.hpp"

TRACE(gather_child_cancelled) {
  run([] {
    const auto job = [](const char* name) {
      sleep(2s);
      say(name, now());
    };
    auto victim = async(job, "victim");
    auto other = async(job, "other");
    auto g = gather_future(victim, other);
    get_running_loop().call_later(1s, [victim] { victim.cancel(); });
    const auto error = error_of([&] { return g.await(); });
    say(error, g.cancelled(), g.cancel(), current_task().cancelling(), now());
    await(other);
  });
}
