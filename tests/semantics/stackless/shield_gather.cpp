// SPDX-License-Identifier: BSL-1.0
// Rows: T-shield-05 T-shield-07
#include "stackless_trace.hpp"

namespace trace::shield_gather {

sl::task<std::string> job(const char* name, int seconds) {
  try {
    co_await sl::sleep(std::chrono::seconds(seconds));
  } catch (const cancelled_error&) {
    say(name, "cancelled", now());
    throw;
  }
  say(name, "done", now());
  co_return name;
}

sl::task<> program() {
  const auto guarded = sl::gather(job("a", 2), job("b", 3));
  const auto shielded = sl::shield(guarded);
  co_await sl::sleep(1s);
  const bool effect = shielded.cancel();
  say(effect, shielded.cancelled(), guarded.cancelled());
  const auto [a, b] = co_await guarded;
  say(a, b, now());
  const auto again = co_await sl::shield(guarded);
  const auto direct = co_await guarded;
  say(again == direct);
  const auto c = sl::spawn(job("c", 2));
  const auto d = sl::spawn(job("d", 3));
  const auto shields = sl::gather(sl::shield(c), sl::shield(d));
  co_await sl::sleep(1s);
  say(shields.cancel());
  const auto error = co_await thrown_by(shields);
  say(error, now());
  const auto of_c = co_await c;
  const auto of_d = co_await d;
  say(of_c, of_d, now());
}

}  // namespace trace::shield_gather

TRACE(shield_gather) { sl::run(trace::shield_gather::program()); }
