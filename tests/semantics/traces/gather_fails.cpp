// SPDX-License-Identifier: BSL-1.0
// Rows: T-gather-05 T-gather-06 T-gather-07
#include "trace.hpp"

TRACE(gather_fails) {
  auto job = [](std::string name, int seconds, bool fails) {
    sleep(std::chrono::seconds(seconds));
    say(name, now());
    if (fails) throw std::invalid_argument(name);
    return name;
  };
  run([job] {
    get_running_loop().set_exception_handler([](event_loop&, const exception_context&) { say("reported"); });
    const auto error = error_of([&] {
      return gather([job] { return job("a", 1, true); }, [job] { return job("b", 2, true); }, [job] { return job("c", 3, false); });
    });
    say(error, now());
    sleep(5s);
  });
}
