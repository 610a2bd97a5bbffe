// SPDX-License-Identifier: BSL-1.0
// Rows: T-run-01 T-run-02 T-run-03 T-run-08
#include "stackless_trace.hpp"

#include <vector>

namespace trace::run_leftovers {

sl::task<> leftover(const char* name, int cleanup) {
  std::exception_ptr cancelled;
  try {
    co_await sl::sleep(100s);
  } catch (const cancelled_error&) {
    cancelled = std::current_exception();
  }
  if (!cancelled) co_return;
  co_await sl::sleep(std::chrono::seconds(cleanup));
  say(name, "is clean", now());
  std::rethrow_exception(cancelled);
}

sl::task<> fails() {
  try {
    co_await sl::sleep(100s);
  } catch (const cancelled_error&) {
    throw std::invalid_argument("");
  }
}

sl::task<std::size_t> program() {
  get_running_loop().set_exception_handler(
      [](event_loop&, const exception_context& context) { say("reported", error_name(context.exception)); });
  std::vector<task<>> tasks;
  tasks.push_back(sl::spawn(leftover("a", 2)));
  tasks.push_back(sl::spawn(fails()));
  tasks.push_back(sl::spawn(leftover("b", 1)));
  co_await sl::sleep(1s);
  say(error_of([] { return sl::run(program()); }));
  co_return tasks.size();
}

}  // namespace trace::run_leftovers

TRACE(run_leftovers) { say(sl::run(trace::run_leftovers::program())); }
