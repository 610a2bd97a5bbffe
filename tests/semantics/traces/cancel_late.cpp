// SPDX-License-Identifier: BSL-1.0
// Rows: T-cancel-17 T-cancel-18
#include "trace.hpp"

TRACE(cancel_late) {
  run([] {
    event_loop& loop = get_running_loop();
    const auto waits = [](future<std::string> on, std::string name) {
      try {
        say(name, "got", await(on));
      } catch (const cancelled_error&) {
        say(name, "cancelled, and the future is", on.result());
        throw;
      }
    };
    for (const std::string first : {"result", "cancel"}) {
      auto f = loop.create_future<std::string>();
      auto t = async(waits, f, first);
      yield();
      if (first == "result") {
        f.set_result("set");
        say(t.cancel());
        const auto error = error_of([&] { return t.await(), 0; });
        say(error, f.cancelled());
      } else {
        const bool effect = t.cancel();
        say(effect, f.cancelled());
        const auto error = error_of([&] { return wait(std::vector{t}); });
        say(error, t.cancelled());
      }
    }
  });
}
