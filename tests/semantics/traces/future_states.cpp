// SPDX-License-Identifier: BSL-1.0
// Rows: T-fut-01 T-fut-02 T-fut-06
#include "trace.hpp"

TRACE(future_states) {
  run([] {
    event_loop& loop = get_running_loop();
    auto f = loop.create_future<int>();
    say(error_of([&] { return f.result(); }), error_of([&] { return f.exception(); }), f.done());
    f.set_result(7);
    const auto again = error_of([&] { return f.set_result(8), 0; });
    say(f.result(), again, f.cancel(), f.result());
    auto g = loop.create_future<int>();
    const bool first = g.cancel();
    const bool cancelled = g.cancelled();
    const bool second = g.cancel();
    say(first, cancelled, second, error_of([&] { return g.result(); }), error_of([&] { return g.set_result(1), 0; }));
    auto h = loop.create_future<int>();
    h.set_exception(std::invalid_argument("x"));
    say(error_of([&] { return h.result(); }), h.cancelled(), h.done());
  });
}
