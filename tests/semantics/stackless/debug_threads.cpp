// SPDX-License-Identifier: BSL-1.0
#include "stackless_trace.hpp"

#include <thread>

namespace trace::debug_threads {

template <class F>
void elsewhere(const char* what, F&& call) {
  std::thread([&] {
    try {
      call();
      say(what, "fine");
    } catch (const usage_error&) {
      say(what, "RuntimeError");
    }
  }).join();
}

sl::task<> program() {
  event_loop& loop = get_running_loop();
  for (const bool debug : {true, false}) {
    loop.set_debug(debug);
    say("debug", loop.get_debug());
    loop.call_soon([] { say("own is called"); });
    elsewhere("soon", [&loop] { loop.call_soon([] { say("soon is called"); }); });
    elsewhere("later", [&loop] { loop.call_later(1s, [] { say("later is called"); }); });
    elsewhere("at", [&loop] { loop.call_at(time_point(1s), [] { say("at is called"); }); });
    elsewhere("threadsafe", [&loop] { loop.call_soon_threadsafe([] { say("threadsafe is called"); }); });
    co_await sl::sleep(2s);
  }
}

}  // namespace trace::debug_threads

TRACE(debug_threads) { sl::run(trace::debug_threads::program()); }
