// SPDX-License-Identifier: BSL-1.0
// Rows: T-thr-01 T-thr-02 T-thr-03
#include "stackless_trace.hpp"

#include <thread>

namespace trace::thread_value {

sl::task<> sleeps() { co_await sl::sleep(1s); }

sl::task<> program() {
  event_loop& loop = get_running_loop();
  const auto here = std::this_thread::get_id();
  const auto compute = [here](int a, int b) { return std::this_thread::get_id() != here ? a + b : 0; };
  const auto fail = [] { throw std::invalid_argument(""); };
  const int computed = co_await sl::to_thread(compute, 40, 2);
  say("value", computed);
  const auto thrown = co_await thrown_by(sl::to_thread(fail));
  say("error", thrown);
  const auto inside = co_await thrown_by(sl::to_thread([] { throw cancelled_error(); }));
  say("cancelled inside", inside);
  const auto result = loop.run_in_executor([compute] { return compute(1, 1); });
  say("at once", result.done());
  const int value = co_await result;
  say("later", value, result.done());
  const auto failed = loop.run_in_executor(fail);
  const auto error = co_await thrown_by(failed);
  say("failed", error, failed.cancelled(), error_name(failed.exception()));
  const auto sleeper = sl::spawn(sleeps());
  co_await sl::to_thread(compute, 1, 2);
  say("time stands still", sleeper.done(), now());
  co_await sleeper;
  say("and goes on", now());
}

}  // namespace trace::thread_value

TRACE(thread_value) { sl::run(trace::thread_value::program()); }
