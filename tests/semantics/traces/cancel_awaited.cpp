// SPDX-License-Identifier: BSL-1.0
// Rows: T-cancel-04 T-cancel-05 T-cancel-06
#include "trace.hpp"

TRACE(cancel_awaited) {
  run([] {
    auto b = async([] {
      try {
        sleep(10s);
      } catch (const cancelled_error&) {
        say("inner cleans up", now());
        sleep(2s);
        say("inner is clean", now());
        throw;
      }
    });
    auto a = async([b] {
      try {
        await(b);
      } catch (const cancelled_error&) {
        say("outer is told", now());
        throw;
      }
    });
    auto watcher = async([b] { return error_of([&] { b.await(); }); });
    sleep(1s);
    a.cancel();
    say("requests", a.cancelling(), b.cancelling());
    const auto error = error_of([&] { a.await(); });
    say(error, a.cancelled(), b.cancelled());
    const auto seen = await(watcher);
    say("watcher", seen, watcher.cancelling());
  });
}
