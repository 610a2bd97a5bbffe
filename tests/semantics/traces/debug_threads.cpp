// SPDX-License-Identifier: BSL-1.0
// Rows: T-dbg-07 T-dbg-08
#include "trace.hpp"

#include <thread>

namespace {

template <class F>
void elsewhere(const char* what, F&& call) {
  std::thread([&] {
    try {
      call();
      trace::say(what, "fine");
    } catch (const nakh::usage_error&) {
      trace::say(what, "RuntimeError");
    }
  }).join();
}

}  // namespace

TRACE(debug_threads) {
  run([] {
    event_loop& loop = get_running_loop();
    for (const bool debug : {true, false}) {
      loop.set_debug(debug);
      say("debug", loop.get_debug());
      loop.call_soon([] { say("own is called"); });
      elsewhere("soon", [&] { loop.call_soon([] { say("soon is called"); }); });
      elsewhere("later", [&] { loop.call_later(1s, [] { say("later is called"); }); });
      elsewhere("at", [&] { loop.call_at(time_point(1s), [] { say("at is called"); }); });
      elsewhere("threadsafe", [&] { loop.call_soon_threadsafe([] { say("threadsafe is called"); }); });
      sleep(2s);
    }
  });
}
