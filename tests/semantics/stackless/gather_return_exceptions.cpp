// SPDX-License-Identifier: BSL-1.0
#include "stackless_trace.hpp"

namespace trace::gather_return_exceptions {

sl::task<int> job(int seconds, bool fails) {
  co_await sl::sleep(std::chrono::seconds(seconds));
  if (fails) throw std::invalid_argument("x");
  co_return seconds;
}

sl::task<> program() {
  const auto victim = sl::spawn(job(9, false));
  get_running_loop().call_later(2s, [victim] { victim.cancel(); });
  const auto [a, b, c] = co_await sl::gather(return_exceptions, job(3, false), job(1, true), victim);
  say(a.value(), error_name(b.error()), error_name(c.error()), now());
}

}  // namespace trace::gather_return_exceptions

TRACE(gather_return_exceptions) { sl::run(trace::gather_return_exceptions::program()); }
