// SPDX-License-Identifier: BSL-1.0
// Rows: T-thr-04 T-thr-06 T-thr-09
#include "trace.hpp"

#include <latch>

TRACE(thread_calls) {
  run([] {
    event_loop& loop = get_running_loop();
    const future<> go;
    const future<> clean;
    to_thread([&] {
      for (int i = 0; i < 3; ++i) loop.call_soon_threadsafe([i] { say("call", i); });
      say("value", async_threadsafe(loop, [] {
                     yield();
                     return 5;
                   }).get());
      say("error", error_of([&] { async_threadsafe(loop, [] { throw std::invalid_argument(""); }).get(); }));
      say("cancelled in the loop", error_of([&] {
            async_threadsafe(loop, [] {
              current_task().cancel();
              yield();
            }).get();
          }));
      std::latch begun(1);
      auto cleans_up = async_threadsafe(loop, [&] {
        begun.count_down();
        try {
          sleep(100s);
        } catch (const cancelled_error&) {
          go.await();
          say("is clean");
          clean.set_result();
          throw;
        }
      });
      begun.wait();
      say("cancel", cleans_up.cancel());
      say("cancelled", error_of([&] { cleans_up.get(); }));
      loop.call_soon_threadsafe([&] { go.set_result(); });
    });
    clean.await();
    loop.call_soon([] { say("one"); });
    loop.call_soon_threadsafe([] { say("two"); });
    loop.call_soon([] { say("three"); });
    yield();
  });
}
