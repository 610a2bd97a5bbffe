// SPDX-License-Identifier: BSL-1.0
// Rows: T-ctx-04 T-ctx-05 T-ctx-06
#include "trace.hpp"

TRACE(context_given) {
  const context_var<int> number("number", 0);
  const auto add = [&](int n) {
    for (int i = 0; i < 2; ++i) {
      sleep(std::chrono::seconds(n));
      number.set(number.get() + n);
      say(n, number.get());
    }
  };
  run([&] {
    const context own = copy_context();
    gather(async({.context = own}, add, 1), async({.context = own}, add, 3), [&] { add(2); });
    say("given", *number.get(own), "main", number.get());
    task_group::run([&](task_group& group) {
      group.async({.context = own}, add, 4);
      group.async([&] { add(5); });
    });
    say("given", *number.get(own), "main", number.get());
  });
  const auto one_of_several = [&] {
    number.set(number.get() + 100);
    say("run", number.get());
  };
  runner several;
  several.run(one_of_several);
  several.run(one_of_several);
  several.close();
  say("outside", number.get());
}
