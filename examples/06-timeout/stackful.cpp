// SPDX-License-Identifier: BSL-1.0
// A limit on time, and a cancellation: both unwind the function from where it waits.
#include <nakh/nakh.hpp>

#include <iostream>

using namespace std::chrono_literals;

// [main]
void slow_work() {
  try {
    nakh::sleep(5s);
    std::cout << "work done\n";
  } catch (const nakh::cancelled_error&) {
    std::cout << "work stopped, tools put away\n";
    throw;
  }
}

int main() {
  nakh::run([] {
    try {
      nakh::wait_for(slow_work, 2s);
    } catch (const nakh::timeout_error&) {
      std::cout << "time is up\n";
    }
    auto task = nakh::async(slow_work);
    nakh::sleep(1s);
    task.cancel();
    try {
      nakh::await(task);
    } catch (const nakh::cancelled_error&) {
      std::cout << "the task was cancelled\n";
    }
  });
}
// [main]
