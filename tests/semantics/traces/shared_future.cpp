// SPDX-License-Identifier: BSL-1.0
// Rows: T-cancel-17 T-cancel-18
#include "trace.hpp"

TRACE(shared_future) {
  run([] {
    event_loop& loop = get_running_loop();
    auto f = loop.create_future<std::string>();
    const auto waits = [](future<std::string> on, const char* name) { say(name, error_of([&] { return on.await(); })); };
    auto a = async(waits, f, "a");
    auto b = async(waits, f, "b");
    yield();
    a.cancel();
    await(b);
    say(f.cancelled());
    auto g = loop.create_future<std::string>();
    const auto gets = [](future<std::string> on, const char* name) { say(name, on.await()); };
    auto c = async(gets, g, "c");
    auto d = async(gets, g, "d");
    yield();
    g.set_result("value");
    say(c.cancel());
    say(error_of([&] { c.await(); }));
    await(d);
  });
}
