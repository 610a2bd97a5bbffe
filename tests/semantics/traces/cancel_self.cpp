// SPDX-License-Identifier: BSL-1.0
// Rows: T-cancel-10 T-cancel-11 T-cancel-20
#include "trace.hpp"

TRACE(cancel_self) {
  run([] {
    say(error_of([] {
      async([] {
        current_task().cancel();
        say("still running");
        yield();
        say("never");
      }).await();
    }));
    auto t = async([] {
      current_task().cancel();
      return std::string("lost");
    });
    const auto error = error_of([&] { return t.await(); });
    say(error, t.cancelled());
    auto victim = async([] { sleep(10s); });
    yield();
    const auto passed = error_of([&] {
      async([victim] {
        current_task().cancel();
        await(victim);
      }).await();
    });
    say(passed, victim.cancelled(), now());
  });
}
