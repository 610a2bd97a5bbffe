// SPDX-License-Identifier: BSL-1.0
#include "stackless_trace.hpp"

namespace trace::handler_reports {

void fails() {
  say("fails");
  throw std::invalid_argument("");
}

sl::task<> program() {
  event_loop& loop = get_running_loop();
  loop.set_exception_handler([](event_loop&, const exception_context& context) { say("reported", error_name(context.exception)); });
  const auto f = loop.create_future<std::string>();
  f.add_done_callback([](const auto&) { fails(); });
  f.add_done_callback([](const auto& done) { say("called all the same", done.result()); });
  loop.call_soon(fails);
  loop.call_soon([] { say("behind it"); });
  loop.call_later(1s, fails);
  f.set_result("value");
  const auto value = co_await f;
  say(value);
  co_await sl::sleep(2s);
  loop.call_exception_handler({.message = "by hand", .exception = std::make_exception_ptr(timeout_error("by hand"))});
  say("main");
}

}  // namespace trace::handler_reports

TRACE(handler_reports) { sl::run(trace::handler_reports::program()); }
