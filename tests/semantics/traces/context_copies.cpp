// SPDX-License-Identifier: BSL-1.0
// Rows: T-ctx-01 T-ctx-02 T-ctx-03
#include "trace.hpp"

TRACE(context_copies) {
  const context_var<std::string> name("name", "none");
  const auto tell = [&](const char* where) {
    say(where, name.get());
    name.set(where);
  };
  const auto child = [&](const char* label) {
    say(label, name.get());
    name.set(label);
    sleep(1s);
    say(label, name.get());
  };
  const auto called = [&] { name.set("called"); };
  run([&] {
    event_loop& loop = get_running_loop();
    name.set("main");
    auto t = async(child, "child");
    loop.call_soon([&] { tell("soon"); });
    loop.call_later(2s, [&] { tell("later"); });
    const auto f = loop.create_future<void>();
    name.set("before callback");
    f.add_done_callback([&] { tell("done"); });
    name.set("main again");
    f.set_result();
    t.await();
    sleep(2s);
    say("main", name.get());
    called();
    say("main", name.get());
    async(called).await();
    say("main", name.get());
    auto token = name.set("for a while");
    say(*token.old_value(), name.get());
    name.reset(token);
    say("main", name.get());
  });
  say("outside", name.get());
}
