// SPDX-License-Identifier: BSL-1.0
#include "stackless_trace.hpp"

namespace trace::gather_nested {

sl::task<const char*> job(const char* name, int seconds, bool fails = false) {
  try {
    co_await sl::sleep(std::chrono::seconds(seconds));
  } catch (const cancelled_error&) {
    say(name, "cancelled", now());
    throw;
  }
  if (fails) throw std::invalid_argument("");
  say(name, "done", now());
  co_return name;
}

sl::task<> program() {
  const auto inner = sl::gather(job("a", 1), job("b", 2));
  const auto shared = sl::spawn(job("c", 3));
  const auto [ab, c, again] = co_await sl::gather(inner, shared, shared);
  say(std::get<0>(ab), std::get<1>(ab), c, again, now());
  auto outer = sl::gather(sl::gather(job("d", 4), job("e", 1, true)), job("f", 2));
  const auto failed = co_await thrown_by(outer);
  say(failed, now());
  co_await sl::sleep(5s);
  outer = sl::gather(sl::gather(job("g", 4), job("h", 5)), job("i", 6));
  co_await sl::sleep(1s);
  say(outer.cancel());
  const auto cancelled = co_await thrown_by(outer);
  say(cancelled, outer.cancelled(), now());
}

}  // namespace trace::gather_nested

TRACE(gather_nested) { sl::run(trace::gather_nested::program()); }
