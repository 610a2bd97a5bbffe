// SPDX-License-Identifier: BSL-1.0
// Rows: T-sub-03 T-sub-04 T-sub-07 T-sub-09
#include <nakh/subprocess.hpp>

#include "trace.hpp"

#include <vector>

TRACE(subprocess_wait) {
  run([] {
    subprocess p = create_subprocess_shell("read x; exit 6", {.standard_input = stdio::pipe});
    std::vector<task<>> tasks;
    for (const char* name : {"a", "b", "c"}) tasks.push_back(async([&p, name] { say(name, p.wait()); }));
    yield();
    tasks[1].cancel();
    const auto cancelled = error_of([&] { tasks[1].await(); });
    say("cancelled", cancelled, !p.return_code());
    const auto late = error_of([&] { return timeout(2s, [&] { return p.wait(); }); });
    say("timeout", late, !p.return_code(), now());
    p.standard_input().write("\n");
    tasks[0].await();
    tasks[2].await();
    say("again", p.wait());

    p = create_subprocess({"head", "-c", "300000", "/dev/zero"}, {.standard_output = stdio::pipe, .stream = {.limit = 1000}});
    const auto one = p.standard_output().read_exactly(1);
    say("one", one.size(), !p.return_code());
    const auto rest = p.standard_output().read_all();
    say("rest", rest.size(), p.wait());

    p = create_subprocess({"sleep", "100"}, {stdio::pipe, stdio::pipe});
    p.close();
    say("closed", p.wait());
  });
}
