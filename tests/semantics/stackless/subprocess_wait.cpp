// SPDX-License-Identifier: BSL-1.0
// Rows: T-sub-03 T-sub-04 T-sub-07 T-sub-09
#include <nakh/stackless/net.hpp>
#include <nakh/stackless/subprocess.hpp>

#include "stackless_trace.hpp"

#include <vector>

namespace trace::subprocess_wait {

sl::task<> waits(subprocess& p, const char* name) {
  const int code = co_await sl::wait(p);
  say(name, code);
}

sl::task<> program() {
  subprocess p = create_subprocess_shell("read x; exit 6", {.standard_input = stdio::pipe});
  std::vector<task<>> tasks;
  for (const char* name : {"a", "b", "c"}) tasks.push_back(sl::spawn(waits(p, name)));
  co_await sl::yield();
  tasks[1].cancel();
  const auto cancelled = co_await thrown_by(tasks[1]);
  say("cancelled", cancelled, !p.return_code());
  const auto late = co_await thrown_by(sl::wait_for(sl::wait(p), 2s));
  say("timeout", late, !p.return_code(), now());
  p.standard_input().write("\n");
  co_await tasks[0];
  co_await tasks[2];
  int code = co_await sl::wait(p);
  say("again", code);

  const std::vector<std::string> head{"head", "-c", "300000", "/dev/zero"};
  p = create_subprocess(head, {.standard_output = stdio::pipe, .stream = {.limit = 1000}});
  const auto one = co_await sl::read_exactly(p.standard_output(), 1);
  say("one", one.size(), !p.return_code());
  const auto rest = co_await sl::read_all(p.standard_output());
  code = co_await sl::wait(p);
  say("rest", rest.size(), code);

  const std::vector<std::string> sleeps{"sleep", "100"};
  p = create_subprocess(sleeps, {stdio::pipe, stdio::pipe});
  p.close();
  code = co_await sl::wait(p);
  say("closed", code);
}

}  // namespace trace::subprocess_wait

TRACE(subprocess_wait) { sl::run(trace::subprocess_wait::program()); }
