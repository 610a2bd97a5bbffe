// SPDX-License-Identifier: BSL-1.0
// Rows: T-sub-02 T-sub-10
#include <nakh/subprocess.hpp>

#include "trace.hpp"

#include <csignal>

TRACE(subprocess_signal) {
  run([] {
    const auto sleeper = [] { return create_subprocess({"sleep", "100"}); };
    subprocess p = sleeper();
    p.kill();
    const int killed = p.wait();
    say("killed", killed, *p.return_code());
    p = sleeper();
    p.terminate();
    say("terminated", p.wait());
    p = sleeper();
    p.send_signal(SIGUSR1);
    say("signalled", p.wait());
    p = create_subprocess_shell("kill -s HUP $$");
    say("by itself", p.wait());

    const char* const handles = "sleep 100 >/dev/null & trap 'kill $!; echo caught; exit 5' TERM; echo ready; wait";
    p = create_subprocess_shell(handles, {.standard_output = stdio::pipe});
    say(p.standard_output().read_line());
    p.terminate();
    const auto output = p.communicate().output;
    say(output, *p.return_code());

    p = create_subprocess_shell("exit 9");
    p.wait();
    const auto error = error_of([&p] {
      p.terminate();
      return 0;
    });
    say(error, *p.return_code());
  });
}
