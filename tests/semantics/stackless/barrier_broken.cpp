// SPDX-License-Identifier: BSL-1.0
#include "stackless_trace.hpp"

namespace trace::barrier_broken {

sl::task<> party(barrier& shared, const char* name) {
  try {
    co_await sl::wait(shared);
    say(name, "through", now());
  } catch (const broken_barrier_error&) {
    say(name, "broken", shared.broken(), now());
  } catch (const cancelled_error&) {
    say(name, "cancelled", shared.broken(), now());
    throw;
  }
}

sl::task<> program() {
  barrier shared(3);
  const auto a = sl::spawn(party(shared, "a"));
  const auto b = sl::spawn(party(shared, "b"));
  co_await sl::sleep(1s);
  a.cancel();
  co_await sl::sleep(1s);
  say(shared.waiting(), shared.broken());
  co_await sl::reset(shared);
  co_await b;
  say(shared.waiting(), shared.broken());
  const auto c = sl::spawn(party(shared, "c"));
  const auto d = sl::spawn(party(shared, "d"));
  co_await sl::sleep(1s);
  co_await sl::abort(shared);
  co_await sl::gather(c, d);
  const auto still = co_await thrown_by(sl::wait(shared));
  say(still, shared.broken());
  co_await sl::reset(shared);
  say(shared.broken());
  const auto e = sl::spawn(party(shared, "e"));
  const auto f = sl::spawn(party(shared, "f"));
  co_await sl::sleep(1s);
  const auto whole = co_await thrown_by(sl::wait(shared));
  say(whole);
  co_await sl::gather(e, f);
}

}  // namespace trace::barrier_broken

TRACE(barrier_broken) { sl::run(trace::barrier_broken::program()); }
