// SPDX-License-Identifier: BSL-1.0
//
// Nakh's look at its own tasks.
#include "row.hpp"

#include <nakh/inspect.hpp>
#include <nakh/nakh.hpp>

#include <cstdio>
#include <vector>

namespace {

/// Waits behind two calls, so that there is something to see.
[[gnu::noinline, gnu::no_icf]] void wait_inside(const nakh::future<>& event) { event.await(); }
[[gnu::noinline, gnu::no_icf]] void wait_deeper(const nakh::future<>& event) {
  wait_inside(event);
  bool back = true;
  bench::keep(back);
}

/// The tree of all tasks, those that wait with their stacks, written where nobody reads it.
void task_tree(bench::stopwatch& watch, std::size_t count) {
  nakh::run([&] {
    const nakh::future<> event;
    std::vector<nakh::task<>> waiting;
    for (std::size_t i = 0; i != count; ++i) waiting.push_back(nakh::async([&event] { wait_deeper(event); }));
    nakh::yield();
    std::FILE* const nowhere = std::fopen("/dev/null", "w");
    watch.start();
    nakh::print_task_tree(nowhere);
    watch.stop();
    std::fclose(nowhere);
    event.set_result();
    nakh::gather(waiting);
  });
}

void tree_10000(bench::stopwatch& watch, std::size_t /*operations*/) { task_tree(watch, 10'000); }

const bench::row tree{"task_tree/10000/nakh", 1, tree_10000, "with the stacks of all"};

}  // namespace
