// SPDX-License-Identifier: BSL-1.0
#include "stackless_trace.hpp"

namespace trace::future_states {

sl::task<> program() {
  event_loop& loop = get_running_loop();
  const auto f = loop.create_future<int>();
  say(error_of([&f] { return f.result(); }), error_of([&f] { return f.exception(); }), f.done());
  f.set_result(7);
  const auto again = error_of([&f] { return f.set_result(8), 0; });
  say(f.result(), again, f.cancel(), f.result());
  const auto g = loop.create_future<int>();
  const bool first = g.cancel();
  const bool cancelled = g.cancelled();
  const bool second = g.cancel();
  say(first, cancelled, second, error_of([&g] { return g.result(); }), error_of([&g] { return g.set_result(1), 0; }));
  const auto h = loop.create_future<int>();
  h.set_exception(std::invalid_argument("x"));
  say(error_of([&h] { return h.result(); }), h.cancelled(), h.done());
  co_return;
}

}  // namespace trace::future_states

TRACE(future_states) { sl::run(trace::future_states::program()); }
