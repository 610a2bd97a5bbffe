// SPDX-License-Identifier: BSL-1.0
//
// Parked and sleeping tasks of Nakh: 64 KiB stacks, each with its guard.
#include "memory/usage.hpp"

#include <nakh/nakh.hpp>

#include <chrono>

namespace {

nakh::task_options small() { return {.stack_size = 64 * 1024}; }

void park(bench::stopwatch& watch, std::size_t count) {
  nakh::run([&] {
    const nakh::future<> event;
    const nakh::future<> all_ended;
    std::size_t ended = 0;

    const bench::usage before = bench::usage::now();
    watch.start();
    for (std::size_t i = 0; i != count; ++i) {
      static_cast<void>(nakh::async(small(), [&] {
        event.await();
        if (++ended == count) all_ended.set_result();
      }));
    }
    nakh::yield();
    watch.stop();
    watch.report("park_ns_each", watch.elapsed() / static_cast<double>(count));
    bench::report_parked(watch, before, count);

    watch.start();
    event.set_result();
    all_ended.await();
    watch.stop();
    watch.report("wake_ns_each", watch.elapsed() / static_cast<double>(count));
  });
}

void sleep(bench::stopwatch& watch, std::size_t count) {
  nakh::run([&] {
    const nakh::future<> all_ended;
    std::size_t ended = 0;
    const bench::usage before = bench::usage::now();
    const auto due = bench::due_for(count);
    const nakh::time_point deadline{due.time_since_epoch()};
    for (std::size_t i = 0; i != count; ++i) {
      static_cast<void>(nakh::async(small(), [&] {
        nakh::sleep_until(deadline);
        if (++ended == count) all_ended.set_result();
      }));
    }
    nakh::yield();
    bench::report_parked(watch, before, count);
    bench::block_until(due, watch);
    watch.start();
    all_ended.await();
    watch.stop();
  });
}

void sleep_100000(bench::stopwatch& watch, std::size_t) { sleep(watch, 100'000); }
void sleep_1000000(bench::stopwatch& watch, std::size_t) { sleep(watch, 1'000'000); }

const bench::row park_100000{"park/100000/nakh", 100'000, park, "guarded"};
const bench::row park_1000000{"park/1000000/nakh", 1'000'000, park, "guarded"};
const bench::row sleep_some{"sleep/100000/nakh", 1, sleep_100000, "from due to all finished"};
const bench::row sleep_all{"sleep/1000000/nakh", 1, sleep_1000000, "from due to all finished"};

}  // namespace
