// SPDX-License-Identifier: BSL-1.0
// Rows: T-cancel-01 T-cancel-10 T-cancel-12
#include "trace.hpp"

TRACE(cancel_running) {
  run([] {
    const auto job = [](const char* name) {
      say(name, "began");
      try {
        yield();
        say(name, "went on");
        yield();
      } catch (const cancelled_error&) {
        say(name, "cancelled");
        throw;
      }
      return name;
    };
    const auto outcome = [](const auto& t) { say(error_of([&] { return t.await(), 0; })); };
    auto unstarted = async(job, "unstarted");
    unstarted.cancel();
    outcome(unstarted);
    auto yielding = async(job, "yielding");
    yield();
    yielding.cancel();
    outcome(yielding);
    auto done = async([] { return "finished"; });
    await(done);
    outcome(async([done] {
      current_task().cancel();
      say("cancelled itself, and goes on with", await(done));
      try {
        yield();
      } catch (const cancelled_error&) {
        say("here it comes");
        throw;
      }
    }));
  });
}
