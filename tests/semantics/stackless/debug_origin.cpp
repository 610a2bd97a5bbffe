// SPDX-License-Identifier: BSL-1.0
#include "stackless_trace.hpp"

namespace trace::debug_origin {

sl::task<> fails() {
  throw std::invalid_argument("");
  co_return;
}

sl::task<> program() {
  event_loop& loop = get_running_loop();
  loop.set_exception_handler([](event_loop&, const exception_context& context) {
    say(context.message, error_name(context.exception), context.where.line() != 0);
  });
  for (const bool debug : {false, true, false}) {
    loop.set_debug(debug);
    loop.create_future<void>().set_exception(std::invalid_argument(""));
    say("dropped");
  }
  loop.set_debug(true);
  {
    const auto task = sl::spawn(fails());
    co_await sl::yield();
  }
  co_await sl::yield();
  say("end");
}

}  // namespace trace::debug_origin

TRACE(debug_origin) { sl::run(trace::debug_origin::program()); }
