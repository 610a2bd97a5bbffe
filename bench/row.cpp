// SPDX-License-Identifier: BSL-1.0
#include "row.hpp"

#include "allocations.hpp"

#include <benchmark/benchmark.h>

#include <cfenv>
#include <chrono>
#include <cstdlib>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace bench {
namespace {

std::int64_t now() {
  using namespace std::chrono;
  return duration_cast<nanoseconds>(steady_clock::now().time_since_epoch()).count();
}

}  // namespace

void stopwatch::start() {
  allocations_at_start_ = allocation_count();
  started_at_ = now();
  state_->ResumeTiming();
}

void stopwatch::stop() {
  state_->PauseTiming();
  allocations_ += allocation_count() - allocations_at_start_;
}

double stopwatch::elapsed() const { return static_cast<double>(now() - started_at_); }

void stopwatch::report(const char* counter, double value) { state_->counters[counter] = value; }

void stopwatch::fail(const char* why) { state_->SkipWithError(why); }

row::row(const char* name, std::size_t operations, body run, const char* note) {
  const auto measure = [=](benchmark::State& state) {
    stopwatch watch{state};
    while (state.KeepRunningBatch(static_cast<benchmark::IterationCount>(operations))) {
      state.PauseTiming();
      set_floating_point_flags();
      run(watch, operations);
      state.ResumeTiming();
    }
    state.counters["allocations"] = static_cast<double>(watch.allocations()) / static_cast<double>(state.iterations());
    state.SetLabel(note);
  };
  auto* const registered = benchmark::RegisterBenchmark(name, measure);
  if (const char* const runs = std::getenv("NAKH_BENCH_RUNS"))
    registered->Iterations(static_cast<benchmark::IterationCount>(operations * std::strtoul(runs, nullptr, 10)));
}

void set_floating_point_flags() {
#if defined(__x86_64__)
  _mm_setcsr(_mm_getcsr() | 0x3FU);  // the six sticky flags; <cfenv> does not know the sixth, "denormal"
#else
  std::feraiseexcept(FE_ALL_EXCEPT);
#endif
}

void clear_floating_point_flags() {
#if defined(__x86_64__)
  _mm_setcsr(_mm_getcsr() & ~0x3FU);
#else
  std::feclearexcept(FE_ALL_EXCEPT);
#endif
}

}  // namespace bench
