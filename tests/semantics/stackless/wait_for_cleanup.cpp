// SPDX-License-Identifier: BSL-1.0
// Rows: T-wfor-01 T-wfor-02 T-wfor-06 T-wfor-07
#include "stackless_trace.hpp"

namespace trace::wait_for_cleanup {

sl::task<std::string> job(int cleanup, std::string outcome) {
  std::exception_ptr cancelled;
  try {
    co_await sl::sleep(5s);
  } catch (const cancelled_error&) {
    cancelled = std::current_exception();
  }
  if (cancelled) {
    co_await sl::sleep(std::chrono::seconds(cleanup));
    say("clean", now());
    if (outcome == "raises") std::rethrow_exception(cancelled);
    if (outcome == "fails") throw std::invalid_argument("");
  }
  co_return outcome;
}

sl::task<std::string> sleeps() { co_return co_await sl::sleep(1s, "in time"); }

sl::task<> program() {
  const auto in_time = co_await sl::wait_for(sleeps(), 2s);
  say(in_time, now());
  const auto late = co_await thrown_by(sl::wait_for(sl::spawn(job(3, "raises")), 1s));
  say(late, now());
  const auto failed = co_await thrown_by(sl::wait_for(sl::spawn(job(1, "fails")), 1s));
  say(failed, now());
  const auto value = co_await sl::wait_for(sl::spawn(job(1, "value")), 1s);
  say(value, now());
  say(current_task().cancelling());
}

}  // namespace trace::wait_for_cleanup

TRACE(wait_for_cleanup) { sl::run(trace::wait_for_cleanup::program()); }
