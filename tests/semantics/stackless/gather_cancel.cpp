// SPDX-License-Identifier: BSL-1.0
#include "stackless_trace.hpp"

namespace trace::gather_cancel {

sl::task<> job(const char* name, int cleanup) {
  std::exception_ptr cancelled;
  try {
    co_await sl::sleep(10s);
  } catch (const cancelled_error&) {
    cancelled = std::current_exception();
  }
  if (!cancelled) co_return;
  co_await sl::sleep(std::chrono::seconds(cleanup));
  say(name, "is clean", now());
  std::rethrow_exception(cancelled);
}

sl::task<> waits(bool all_of_them) {
  std::string error;
  if (all_of_them) {
    error = co_await thrown_by(sl::gather(return_exceptions, job("a", 1), job("b", 3)));
  } else {
    error = co_await thrown_by(sl::gather(job("a", 1), job("b", 3)));
  }
  say(error, now());
}

sl::task<> program() {
  for (const bool all_of_them : {false, true}) {
    const auto t = sl::spawn(waits(all_of_them));
    co_await sl::sleep(1s);
    t.cancel();
    co_await t;
    co_await sl::sleep(5s);
  }
}

}  // namespace trace::gather_cancel

TRACE(gather_cancel) { sl::run(trace::gather_cancel::program()); }
