// SPDX-License-Identifier: BSL-1.0
// Rows: T-thr-10 T-gather-01
#include "stackless_trace.hpp"

#include <array>
#include <barrier>
#include <latch>
#include <vector>

namespace trace::thread_gather {

sl::task<> program() {
  constexpr std::size_t count = 4;
  std::barrier<> all_at_once(count);
  std::array<std::latch, count + 1> turns{std::latch(1), std::latch(1), std::latch(1), std::latch(1), std::latch(1)};
  std::vector<std::size_t> calls;
  const auto job = [&](std::size_t i) {
    all_at_once.arrive_and_wait();
    turns[i + 1].wait();  // the last one ends first
    calls.push_back(i);
    turns[i].count_down();
    return i * i;
  };
  turns[count].count_down();
  std::vector<future<std::size_t>> jobs;
  for (std::size_t i = 0; i != count; ++i) jobs.push_back(sl::to_thread(job, i));
  const auto results = co_await sl::gather(jobs);
  say("results", results[0], results[1], results[2], results[3]);
  say("calls", calls[0], calls[1], calls[2], calls[3]);
}

}  // namespace trace::thread_gather

TRACE(thread_gather) { sl::run(trace::thread_gather::program()); }
