// SPDX-License-Identifier: BSL-1.0
// Rows: T-thr-04 T-thr-06 T-thr-09
#include "stackless_trace.hpp"

#include <latch>

namespace trace::thread_calls {

sl::task<int> value() {
  co_await sl::yield();
  co_return 5;
}

sl::task<> fails() {
  throw std::invalid_argument("");
  co_return;
}

sl::task<> cleans_up(std::latch& begun, future<> go, future<> clean) {
  begun.count_down();
  std::exception_ptr cancelled;
  try {
    co_await sl::sleep(100s);
  } catch (const cancelled_error&) {
    cancelled = std::current_exception();
  }
  if (!cancelled) co_return;
  co_await go;
  say("is clean");
  clean.set_result();
  std::rethrow_exception(cancelled);
}

sl::task<> cancels_itself() {
  current_task().cancel();
  co_await sl::yield();
}

void other_thread(event_loop& loop, const future<>& go, const future<>& clean) {
  for (int i = 0; i < 3; ++i) loop.call_soon_threadsafe([i] { say("call", i); });
  say("value", sl::async_threadsafe(loop, value()).get());
  say("error", error_of([&] { sl::async_threadsafe(loop, fails()).get(); }));
  say("cancelled in the loop", error_of([&] { sl::async_threadsafe(loop, cancels_itself()).get(); }));
  std::latch begun(1);
  auto asked = sl::async_threadsafe(loop, cleans_up(begun, go, clean));
  begun.wait();
  say("cancel", asked.cancel());
  say("cancelled", error_of([&] { asked.get(); }));
  loop.call_soon_threadsafe([&] { go.set_result(); });
}

sl::task<> program() {
  event_loop& loop = get_running_loop();
  const future<> go;
  const future<> clean;
  co_await sl::to_thread([&] { other_thread(loop, go, clean); });
  co_await clean;
  loop.call_soon([] { say("one"); });
  loop.call_soon_threadsafe([] { say("two"); });
  loop.call_soon([] { say("three"); });
  co_await sl::yield();
}

}  // namespace trace::thread_calls

TRACE(thread_calls) { sl::run(trace::thread_calls::program()); }
