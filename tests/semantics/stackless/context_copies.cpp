// SPDX-License-Identifier: BSL-1.0
#include "stackless_trace.hpp"

namespace trace::context_copies {

const context_var<std::string> name("name", "none");

void tell(const char* where) {
  say(where, name.get());
  name.set(where);
}

sl::task<> child(const char* label) {
  say(label, name.get());
  name.set(label);
  co_await sl::sleep(1s);
  say(label, name.get());
}

sl::task<> called() {
  name.set("called");
  co_return;
}

sl::task<> program() {
  event_loop& loop = get_running_loop();
  name.set("main");
  const auto t = sl::spawn(child("child"));
  loop.call_soon([] { tell("soon"); });
  loop.call_later(2s, [] { tell("later"); });
  const auto f = loop.create_future<void>();
  name.set("before callback");
  f.add_done_callback([] { tell("done"); });
  name.set("main again");
  f.set_result();
  co_await t;
  co_await sl::sleep(2s);
  say("main", name.get());
  co_await called();
  say("main", name.get());
  co_await sl::spawn(called());
  say("main", name.get());
  auto token = name.set("for a while");
  say(*token.old_value(), name.get());
  name.reset(token);
  say("main", name.get());
}

}  // namespace trace::context_copies

TRACE(context_copies) {
  sl::run(trace::context_copies::program());
  say("outside", trace::context_copies::name.get());
}
