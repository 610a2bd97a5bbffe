// SPDX-License-Identifier: BSL-1.0
// Rows: T-sub-02 T-sub-10
#include <nakh/stackless/net.hpp>
#include <nakh/stackless/subprocess.hpp>

#include "stackless_trace.hpp"

#include <csignal>

namespace trace::subprocess_signal {

subprocess sleeper() { return create_subprocess({"sleep", "100"}); }

sl::task<> program() {
  subprocess p = sleeper();
  p.kill();
  int code = co_await sl::wait(p);
  say("killed", code, *p.return_code());
  p = sleeper();
  p.terminate();
  code = co_await sl::wait(p);
  say("terminated", code);
  p = sleeper();
  p.send_signal(SIGUSR1);
  code = co_await sl::wait(p);
  say("signalled", code);
  p = create_subprocess_shell("kill -s HUP $$");
  code = co_await sl::wait(p);
  say("by itself", code);

  const char* const handles = "sleep 100 >/dev/null & trap 'kill $!; echo caught; exit 5' TERM; echo ready; wait";
  p = create_subprocess_shell(handles, {.standard_output = stdio::pipe});
  const auto ready = co_await sl::read_line(p.standard_output());
  say(ready);
  p.terminate();
  const subprocess_output got = co_await sl::communicate(p);
  say(got.output, *p.return_code());

  p = create_subprocess_shell("exit 9");
  co_await sl::wait(p);
  const auto error = error_of([&p] {
    p.terminate();
    return 0;
  });
  say(error, *p.return_code());
}

}  // namespace trace::subprocess_signal

TRACE(subprocess_signal) { sl::run(trace::subprocess_signal::program()); }
