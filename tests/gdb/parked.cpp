// SPDX-License-Identifier: BSL-1.0
// Parks some tasks for a debugger to look at, in `all_wait`.
#include <nakh/nakh.hpp>

#include <cstdlib>

namespace {

[[gnu::noinline]] void read_rows(nakh::event& e, int rows_left) {
  if (rows_left > 0) {
    read_rows(e, rows_left - 1);
  } else {
    e.wait();
  }
  asm volatile("" ::: "memory");  // no tail call
}

[[gnu::noinline]] void pull(nakh::generator<int>& rows) {
  static_cast<void>(rows.next());
  asm volatile("" ::: "memory");  // no tail call
}

}  // namespace

extern "C" [[gnu::noinline]] void all_wait(bool dies) {
  asm volatile("");
  if (dies) std::abort();
}

int main(int argc, char** /*argv*/) {
  const bool dies = argc > 1;
  nakh::run([dies] {
    nakh::event e;
    const auto reader = nakh::async({.name = "reader"}, [&e] { read_rows(e, 2); });
    const auto waiter = nakh::async({.name = "a waiter whose name is long"}, [&reader] { reader.await(); });
    const auto sleeper = nakh::async([] { nakh::sleep(std::chrono::hours(1)); });
    const auto idle = nakh::async({.name = "idle"}, [] {
      for (;;) nakh::yield();
    });
    nakh::generator<int> rows([&e](auto& yield) {
      read_rows(e, 1);
      yield(1);
    });
    const auto puller = nakh::async({.name = "puller"}, [&rows] { pull(rows); });
    nakh::yield();
    nakh::yield();
    const auto fresh = nakh::async({.name = "fresh"}, [] {});
    all_wait(dies);
    e.set();
    waiter.await();
    puller.await();
  });
}
