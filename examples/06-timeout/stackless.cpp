// SPDX-License-Identifier: BSL-1.0
// A limit on time, and a cancellation: both unwind the coroutine from where it waits.
#include <nakh/stackless.hpp>

#include <iostream>

using namespace std::chrono_literals;

// [main]
namespace sl = nakh::stackless;

sl::task<> slow_work() {
  try {
    co_await sl::sleep(5s);
    std::cout << "work done\n";
  } catch (const nakh::cancelled_error&) {
    std::cout << "work stopped, tools put away\n";
    throw;
  }
}

sl::task<> work_twice() {
  try {
    co_await sl::wait_for(slow_work(), 2s);
  } catch (const nakh::timeout_error&) {
    std::cout << "time is up\n";
  }
  auto task = sl::spawn(slow_work());
  co_await sl::sleep(1s);
  task.cancel();
  try {
    co_await task;
  } catch (const nakh::cancelled_error&) {
    std::cout << "the task was cancelled\n";
  }
}

int main() { sl::run(work_twice()); }
// [main]
