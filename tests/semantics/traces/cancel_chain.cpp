// SPDX-License-Identifier: BSL-1.0
// Rows: T-cancel-04 T-cancel-05
#include "trace.hpp"

TRACE(cancel_chain) {
  run([] {
    auto t = async([] {
      try {
        sleep(100s);
      } catch (const cancelled_error&) {
        sleep(3s);
        say("leaf is clean", now());
        throw;
      }
    });
    const auto link = [](const char* name, const task<>& on) {
      try {
        await(on);
      } catch (const cancelled_error&) {
        say(name, "cancelled", now());
        throw;
      }
    };
    auto a = async(link, "a", t);
    auto b = async(link, "b", a);
    sleep(1s);
    b.cancel();
    sleep(1s);
    say(b.done(), a.done(), t.done(), b.cancelling(), a.cancelling(), t.cancelling());
    const auto error = error_of([&] { return b.await(), 0; });
    say(error, b.cancelled(), a.cancelled(), t.cancelled(), now());
  });
}
