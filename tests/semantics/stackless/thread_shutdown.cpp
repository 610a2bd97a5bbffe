// SPDX-License-Identifier: BSL-1.0
// Rows: T-run-04 T-run-10 T-thr-07 T-thr-08
#include "stackless_trace.hpp"

#include <latch>

namespace trace::thread_shutdown {

sl::task<> leftover(std::latch& go) {
  std::exception_ptr cancelled;
  try {
    co_await sl::sleep(100s);
  } catch (const cancelled_error&) {
    cancelled = std::current_exception();
  }
  if (!cancelled) co_return;
  co_await sl::to_thread([] { say("a thread for the cleanup"); });
  say("left-over task ends");
  go.count_down();
  std::rethrow_exception(cancelled);
}

sl::task<int> program(std::latch& go) {
  event_loop& loop = get_running_loop();
  co_await sl::to_thread([] { say("a thread"); });
  static_cast<void>(loop.run_in_executor([&go, &loop] {
    go.wait();
    std::latch done(1);
    loop.call_soon_threadsafe([&done] { done.count_down(); });  // the loop still runs
    done.wait();
    say("the thread ends");
  }));
  const auto left = sl::spawn(leftover(go));
  co_await sl::yield();
  say("main ends", left.done());
  co_return 5;
}

sl::task<> never() {
  co_await sl::to_thread([] { say("never"); });
}

sl::task<> shut() {
  const auto end = co_await thrown_by(sl::shutdown_default_executor(get_running_loop()));
  say("shut down", end);
  const auto after = co_await thrown_by(never());
  say("after it", after);
}

}  // namespace trace::thread_shutdown

TRACE(thread_shutdown) {
  std::latch go(1);
  say("run gives", sl::run(trace::thread_shutdown::program(go)));
  sl::run(trace::thread_shutdown::shut());
}
