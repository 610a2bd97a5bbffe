// SPDX-License-Identifier: BSL-1.0
// Rows: T-gather-11 T-gather-12 T-gather-13
#include "trace.hpp"

TRACE(gather_cancel) {
  run([] {
    const auto job = [](const char* name, int cleanup) {
      try {
        sleep(10s);
      } catch (const cancelled_error&) {
        sleep(std::chrono::seconds(cleanup));
        say(name, "is clean", now());
        throw;
      }
    };
    const auto a = [job] { job("a", 1); };
    const auto b = [job] { job("b", 3); };
    for (const bool all_of_them : {false, true}) {
      auto t = async([=] {
        const auto error = all_of_them ? error_of([&] { return gather(return_exceptions, a, b); }) : error_of([&] { return gather(a, b); });
        say(error, now());
      });
      sleep(1s);
      t.cancel();
      await(t);
      sleep(5s);
    }
  });
}
