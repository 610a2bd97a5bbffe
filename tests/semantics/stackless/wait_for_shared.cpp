// SPDX-License-Identifier: BSL-1.0
// Rows: T-wfor-01 T-wfor-03 T-wfor-11
#include "stackless_trace.hpp"

namespace trace::wait_for_shared {

sl::task<int> job(int seconds, bool fails) {
  try {
    co_await sl::sleep(std::chrono::seconds(seconds));
  } catch (const cancelled_error&) {
    say("cancelled", now());
    throw;
  }
  if (fails) throw std::invalid_argument("");
  co_return seconds;
}

sl::task<> program() {
  auto t = sl::spawn(job(5, false));
  const auto a = sl::spawn(sl::wait_for(t, 10s));
  co_await sl::sleep(1s);
  t.cancel();
  const auto cancelled = co_await thrown_by(a);
  say(cancelled, a.cancelled(), now());
  const auto failed = co_await thrown_by(sl::wait_for(job(1, true), 2s));
  say(failed, now());
  const auto f = get_running_loop().create_future<int>();
  const auto late = co_await thrown_by(sl::wait_for(f, 1s));
  say(late, f.cancelled(), now());
  const int unlimited = co_await sl::wait_for(job(1, false), std::nullopt);
  say(unlimited, now());
  t = sl::spawn(job(2, false));
  const auto shielded = sl::spawn(sl::wait_for(sl::shield(t), 1s));
  const auto direct = sl::spawn(sl::wait_for(t, 3s));
  const auto given_up = co_await thrown_by(shielded);
  const int value = co_await direct;
  say(given_up, value, now());
}

}  // namespace trace::wait_for_shared

TRACE(wait_for_shared) { sl::run(trace::wait_for_shared::program()); }
