// SPDX-License-Identifier: BSL-1.0
// Rows: T-queue-11 T-queue-12 T-queue-13
#include "trace.hpp"

#include <vector>

TRACE(queue_join) {
  run([] {
    queue<int> q;
    const auto worker = [&](const char* name) {
      for (;;) {
        const int item = q.get();
        sleep(std::chrono::seconds(item));
        say(name, item, now());
        q.task_done();
      }
    };
    q.join();
    for (const int item : {3, 1, 2, 1}) q.put_nowait(item);
    std::vector<task<>> workers;
    for (const char* name : {"a", "b"}) workers.push_back(async(worker, name));
    gather([&] { q.join(); }, [&] { q.join(); });
    say("joined", q.empty(), now());
    q.put_nowait(1);
    const auto too_early = error_of([&] { return wait_for([&] { q.join(); }, 500ms), 0; });
    say(too_early, now());
    q.join();
    for (auto& w : workers) w.cancel();
    const auto ends = gather(return_exceptions, workers);
    say(error_name(ends[0].error()), error_name(ends[1].error()), now());
    say(error_of([&] { return q.task_done(), 0; }));
  });
}
