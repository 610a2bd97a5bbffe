// SPDX-License-Identifier: BSL-1.0
// Rows: T-sem-05 T-sem-07 T-sem-08
#include "stackless_trace.hpp"

#include <vector>

namespace trace::semaphore_burst {

sl::task<> worker(semaphore& permits, const char* name) {
  {
    const auto permit = co_await sl::hold(permits);
    say(name, "in");
    get_running_loop().call_soon([name] { say("after", name); });
    co_await sl::sleep(1s);
  }
  say(name, "out");
}

sl::task<> program() {
  semaphore permits(0);
  std::vector<task<>> tasks;
  for (const char* name : {"a", "b", "c", "d"}) tasks.push_back(sl::spawn(worker(permits, name)));
  co_await sl::yield();
  for (int i = 0; i < 3; ++i) permits.release();
  tasks[1].cancel();
  co_await sl::wait(tasks);
  say(tasks[0].cancelled(), tasks[1].cancelled(), tasks[2].cancelled(), tasks[3].cancelled(), permits.locked());
}

}  // namespace trace::semaphore_burst

TRACE(semaphore_burst) { sl::run(trace::semaphore_burst::program()); }
