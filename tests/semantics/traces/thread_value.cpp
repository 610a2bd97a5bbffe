// SPDX-License-Identifier: BSL-1.0
// Rows: T-thr-01 T-thr-02 T-thr-03
#include "trace.hpp"

#include <thread>

TRACE(thread_value) {
  run([] {
    event_loop& loop = get_running_loop();
    const auto here = std::this_thread::get_id();
    const auto compute = [here](int a, int b) { return std::this_thread::get_id() != here ? a + b : 0; };
    const auto fail = [] { throw std::invalid_argument(""); };
    say("value", to_thread(compute, 40, 2));
    say("error", error_of([&] { to_thread(fail); }));
    say("cancelled inside", error_of([] { to_thread([] { throw cancelled_error(); }); }));
    const auto result = loop.run_in_executor([compute] { return compute(1, 1); });
    say("at once", result.done());
    const int value = result.await();
    say("later", value, result.done());
    const auto failed = loop.run_in_executor(fail);
    const auto error = error_of([&] { failed.await(); });
    say("failed", error, failed.cancelled(), error_name(failed.exception()));
    const auto sleeper = async([] { sleep(1s); });
    to_thread(compute, 1, 2);
    say("time stands still", sleeper.done(), now());
    sleeper.await();
    say("and goes on", now());
  });
}
