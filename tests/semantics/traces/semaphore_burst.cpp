// SPDX-License-Identifier: BSL-1.0
// Rows: T-sem-05 T-sem-07 T-sem-08
#include "trace.hpp"

#include <mutex>
#include <vector>

TRACE(semaphore_burst) {
  run([] {
    semaphore permits(0);
    const auto worker = [&](const char* name) {
      {
        const std::scoped_lock permit(permits);
        say(name, "in");
        get_running_loop().call_soon([name] { say("after", name); });
        sleep(1s);
      }
      say(name, "out");
    };
    const std::vector<task<>> tasks = {async(worker, "a"), async(worker, "b"), async(worker, "c"), async(worker, "d")};
    yield();
    for (int i = 0; i < 3; ++i) permits.release();
    tasks[1].cancel();
    wait(tasks);
    say(tasks[0].cancelled(), tasks[1].cancelled(), tasks[2].cancelled(), tasks[3].cancelled(), permits.locked());
  });
}
