// SPDX-License-Identifier: BSL-1.0
#include "stackless_trace.hpp"

namespace trace::gather_order {

sl::task<std::string> job(std::string name, int seconds) {
  co_await sl::sleep(std::chrono::seconds(seconds));
  say(name, "ends", now());
  co_return name;
}

sl::task<> program() {
  get_running_loop().call_later(2s, [at = now()] { say("tick", at); });
  const auto shared = sl::spawn(job("shared", 2));
  const auto [a, first, b, second] = co_await sl::gather(job("a", 3), shared, job("b", 1), shared);
  say(a, first, b, second);
  co_await sl::gather();
  say(0, now());
  const auto done = get_running_loop().create_future<std::string>();
  done.set_result("done");
  const auto [d, c] = co_await sl::gather(done, job("c", 1));
  say(d, c);
}

}  // namespace trace::gather_order

TRACE(gather_order) { sl::run(trace::gather_order::program()); }
