// SPDX-License-Identifier: BSL-1.0
#include "stackless_trace.hpp"

namespace trace::context_given {

const context_var<int> number("number", 0);

sl::task<> add(int n) {
  for (int i = 0; i < 2; ++i) {
    co_await sl::sleep(std::chrono::seconds(n));
    number.set(number.get() + n);
    say(n, number.get());
  }
}

sl::task<> members(task_group& group, const context& own) {
  group.async({.context = own}, add(4));
  group.async(add(5));
  co_return;
}

sl::task<> program() {
  const context own = copy_context();
  const auto one = sl::spawn({.context = own}, add(1));
  const auto three = sl::spawn({.context = own}, add(3));
  co_await sl::gather(one, three, add(2));
  say("given", *number.get(own), "main", number.get());
  co_await sl::task_group::run([&own](task_group& group) { return members(group, own); });
  say("given", *number.get(own), "main", number.get());
}

sl::task<> one_of_several() {
  number.set(number.get() + 100);
  say("run", number.get());
  co_return;
}

}  // namespace trace::context_given

TRACE(context_given) {
  sl::run(trace::context_given::program());
  runner several;
  several.run(trace::context_given::one_of_several());
  several.run(trace::context_given::one_of_several());
  several.close();
  say("outside", trace::context_given::number.get());
}
