// SPDX-License-Identifier: BSL-1.0
// Tasks of two loops, in two threads, count in one variable. Tasks of one loop may: they never run at the same time.
#include "planted.hpp"

#include <atomic>
#include <thread>

// Threads that have come here. Relaxed, so that it orders nothing: the loops' own locks, when one of them ends before the other
// begins, would make the counting safe.
static std::atomic<int> arrived = 0;

static void count_in_two_tasks(int& counter) {
  nakh::run([&counter] {
    arrived.fetch_add(1, std::memory_order_relaxed);
    while (arrived.load(std::memory_order_relaxed) < 2) std::this_thread::yield();
    const auto count = [&counter] {
      for (int i = 0; i < 100; ++i) {
        ++counter;
        nakh::yield();
      }
    };
    auto first = nakh::async(count);
    auto second = nakh::async(count);
    nakh::gather(first, second);
  });
}

int main(int count, char** arguments) {
  int shared = 0;
  int own = 0;
  int& of_other_thread = is_planted(count, arguments) ? shared : own;
  std::thread other([&] { count_in_two_tasks(of_other_thread); });
  count_in_two_tasks(shared);
  other.join();
  use(shared + own);
}
