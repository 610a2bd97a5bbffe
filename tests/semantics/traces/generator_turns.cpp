// SPDX-License-Identifier: BSL-1.0
// Rows: T-agen-02 T-agen-07
// Who runs between the items: asking for one is no checkpoint of its own, and the body is the task that asks.
#include "trace.hpp"

TRACE(generator_turns) {
  const auto names = [](int n) -> generator<std::string> {
    return {[n](auto& yield) {
      for (int i = 0; i < n; ++i) {
        if (i % 2 == 1) sleep(0s);
        yield(current_task().get_name());
      }
    }};
  };
  run([&] {
    const auto other = async([] {
      for (int i = 0; i < 3; ++i) {
        say("other", i);
        sleep(0s);
      }
    });
    for (const std::string& name : names(6)) say(name == current_task().get_name());
    other.await();

    auto g = names(9);
    const auto read = [&g] { say(current_task().get_name(), *g.next()); };
    async({.name = "a"}, read).await();
    async({.name = "b"}, read).await();

    // Two at the same time.
    generator<int> slow([](auto& yield) {
      sleep(1s);
      yield(1);
    });
    const auto task = async([&slow] { return *slow.next(); });
    sleep(0s);
    const std::string error = error_of([&] { return slow.next(); });
    say(error, error_of([&] { slow.close(); }));
    const int item = task.await();
    say(item, now());
  });
}
