// SPDX-License-Identifier: BSL-1.0
#include "stackless_trace.hpp"

namespace trace::gather_fails {

sl::task<std::string> job(std::string name, int seconds, bool fails) {
  co_await sl::sleep(std::chrono::seconds(seconds));
  say(name, now());
  if (fails) throw std::invalid_argument(name);
  co_return name;
}

sl::task<> program() {
  get_running_loop().set_exception_handler([](event_loop&, const exception_context&) { say("reported"); });
  const auto error = co_await thrown_by(sl::gather(job("a", 1, true), job("b", 2, true), job("c", 3, false)));
  say(error, now());
  co_await sl::sleep(5s);
}

}  // namespace trace::gather_fails

TRACE(gather_fails) { sl::run(trace::gather_fails::program()); }
