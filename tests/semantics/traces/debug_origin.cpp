// SPDX-License-Identifier: BSL-1.0
// Rows: T-dbg-01 T-dbg-10
#include "trace.hpp"

TRACE(debug_origin) {
  run([] {
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
      auto fails = async([] { throw std::invalid_argument(""); });
      sleep(0s);
    }
    sleep(0s);
    say("end");
  });
}
