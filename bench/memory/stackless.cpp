// SPDX-License-Identifier: BSL-1.0
//
// Parked and sleeping tasks that are coroutines.
#include "memory/usage.hpp"

#include <nakh/nakh.hpp>
#include <nakh/stackless.hpp>

#include <chrono>

namespace {

namespace stackless = nakh::stackless;
using stackless::task;

struct gate {
  std::size_t count;
  std::size_t ended = 0;
  nakh::future<> event;
  nakh::future<> all_ended;
  void end_one() {
    if (++ended == count) all_ended.set_result();
  }
};

task<> wait_at(gate& g) {
  co_await g.event;
  g.end_one();
}
task<> park_all(bench::stopwatch& watch, std::size_t count) {
  gate g{.count = count, .event = {}, .all_ended = {}};
  const bench::usage before = bench::usage::now();
  watch.start();
  for (std::size_t i = 0; i != count; ++i) static_cast<void>(stackless::spawn(wait_at(g)));
  co_await stackless::yield();
  watch.stop();
  watch.report("park_ns_each", watch.elapsed() / static_cast<double>(count));
  bench::report_parked(watch, before, count);

  watch.start();
  g.event.set_result();
  co_await g.all_ended;
  watch.stop();
  watch.report("wake_ns_each", watch.elapsed() / static_cast<double>(count));
}
void park(bench::stopwatch& watch, std::size_t count) { stackless::run(park_all(watch, count)); }

task<> sleep_at(gate& g, nakh::time_point deadline) {
  co_await stackless::sleep_until(deadline);
  g.end_one();
}
task<> sleep_all_of(bench::stopwatch& watch, std::size_t count) {
  gate g{.count = count, .event = {}, .all_ended = {}};
  const bench::usage before = bench::usage::now();
  const auto due = bench::due_for(count);
  const nakh::time_point deadline{due.time_since_epoch()};
  for (std::size_t i = 0; i != count; ++i) static_cast<void>(stackless::spawn(sleep_at(g, deadline)));
  co_await stackless::yield();
  bench::report_parked(watch, before, count);
  bench::block_until(due, watch);
  watch.start();
  co_await g.all_ended;
  watch.stop();
}

void sleep_100000(bench::stopwatch& watch, std::size_t) { stackless::run(sleep_all_of(watch, 100'000)); }
void sleep_1000000(bench::stopwatch& watch, std::size_t) { stackless::run(sleep_all_of(watch, 1'000'000)); }

const bench::row park_100000{"park/100000/stackless", 100'000, park, "no stacks"};
const bench::row park_1000000{"park/1000000/stackless", 1'000'000, park, "no stacks"};
const bench::row sleep_some{"sleep/100000/stackless", 1, sleep_100000, "from due to all finished"};
const bench::row sleep_all{"sleep/1000000/stackless", 1, sleep_1000000, "from due to all finished"};

}  // namespace
