// SPDX-License-Identifier: BSL-1.0
// Rows: T-wfor-09 T-wfor-10
#include "stackless_trace.hpp"

#include <array>
#include <optional>

namespace trace::wait_for_cancel {

sl::task<> inner() {
  std::exception_ptr error;
  try {
    co_await sl::sleep(10s);
  } catch (...) {
    error = std::current_exception();
  }
  co_await sl::sleep(1s);
  say("inner is clean", now());
  if (error) std::rethrow_exception(error);
}

sl::task<> program() {
  const std::array<std::optional<delay>, 2> limits{5s, std::nullopt};
  for (const auto& limit : limits) {
    const auto t = sl::spawn(inner());
    const auto caller = sl::spawn(sl::wait_for(t, limit));
    co_await sl::sleep(1s);
    caller.cancel();
    const auto error = co_await thrown_by(caller);
    say(error, t.cancelled(), now());
  }
}

}  // namespace trace::wait_for_cancel

TRACE(wait_for_cancel) { sl::run(trace::wait_for_cancel::program()); }
