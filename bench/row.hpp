// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <cstddef>
#include <cstdint>

namespace benchmark {
class State;
}

namespace bench {

/// What a row gets to measure with. Only the time and the allocations between `start` and `stop` count, so a row builds its
/// runtime, warms it up and takes it down outside of them. Both may be called from a fiber.
class stopwatch {
 public:
  explicit stopwatch(benchmark::State& state) : state_(&state) {}

  void start();
  void stop();

  /// Nanoseconds since the last `start`.
  [[nodiscard]] double elapsed() const;

  /// Adds a number of its own to the row's results.
  void report(const char* counter, double value);

  /// The number of this row is wrong: the table shows the sentence in its place.
  void fail(const char* why);

  [[nodiscard]] std::uint64_t allocations() const { return allocations_; }

 private:
  benchmark::State* state_;
  std::int64_t started_at_ = 0;
  std::uint64_t allocations_ = 0;
  std::uint64_t allocations_at_start_ = 0;
};

/// Does `operations` operations, measured, with whatever set-up they need around them, not measured.
using body = void (*)(stopwatch&, std::size_t operations);

/// A row of the table, registered by being defined at namespace scope. It is run as often as a steady number takes; with the
/// environment variable NAKH_BENCH_RUNS just so many times, without a trial before.
struct row {
  /// @param name        `<what>/<n>/<runtime>`.
  /// @param operations  How many the body does at a time: enough that a set-up's after-effects (cold caches, new pages) vanish.
  /// @param note        What a reader of this row's number has to know, for instance "stacks without guards".
  row(const char* name, std::size_t operations, body run, const char* note = "");
};

/// More turns than any row takes.
inline constexpr std::size_t for_ever = static_cast<std::size_t>(-1);

/// Keeps the optimizer from removing the computation of `value`, or from knowing it.
template <class T>
inline void keep(T& value) {
  asm volatile("" : "+m"(value) : : "memory");
}

/// The thread's floating-point status flags all set. A switch that reloads MXCSR is 15 times dearer when the flags of both sides
/// differ; rows that are not about that start from here, so that they do not depend on what ran before them.
void set_floating_point_flags();

/// Makes the calling fiber's flags differ from those of all others.
void clear_floating_point_flags();

/// The work of the `yield_fp` rows: one division that does not come out even.
inline void divide(double& quotient) {
  double divisor = 3.0;
  keep(divisor);
  quotient = 1.0 / divisor;
  keep(quotient);
}

}  // namespace bench
