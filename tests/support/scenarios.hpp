// SPDX-License-Identifier: BSL-1.0
#pragma once
#include "support/fixture.hpp"

#include <nakh/task_group.hpp>
#include <nakh/testing.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace nakh::test {

/// How many seeds a scenario is tried with: NAKH_SEEDS, or what the build says (fewer where a tool makes it slow).
inline std::uint64_t seeds_to_try() {
  const char* const asked = std::getenv("NAKH_SEEDS");
  return asked != nullptr ? std::strtoull(asked, nullptr, 10) : NAKH_TEST_SEEDS;
}

/// An invariant of a scenario.
inline void must(bool holds, const char* sentence) {
  if (!holds) throw std::logic_error(sentence);
}

/// Runs functions as members of a task group, until all have ended.
template <class... F>
void together(F&&... f) {
  task_group::run([&](task_group& g) { (static_cast<void>(g.async(std::forward<F>(f))), ...); });
}

/// Each element of `part` occurs in `whole`, in this order.
inline bool is_part_in_order(const std::vector<int>& part, const std::vector<int>& whole) {
  auto place = whole.begin();
  for (const int wanted : part) {
    place = std::find(place, whole.end(), wanted);
    if (place == whole.end()) return false;
    ++place;
  }
  return true;
}

/// What a scenario has to bear besides every order of turns.
struct hardships {
  bool late_turns = false;   ///< Timers that become due while tasks are ready.
  bool cancel_each = false;  ///< The cancellation of any of its tasks, not of its own only.
  bool cancel = true;        ///< A cancellation at each suspension, and a second one in the cleanup.
};

/// What scenarios work on begins with this.
struct world {
  bool ended = false;  ///< The scenario came to its end, without a cancellation.
};

/// Runs a scenario in many orders, and cancels it everywhere, in the loop's own order and in a few others.
template <class World, class Scenario, class Check>
void put_to_test(const hardships& bears, Scenario scenario, Check check) {
  static_assert(std::is_base_of_v<world, World>);
  const auto whole = [&](World& w) {
    scenario(w);
    w.ended = true;
  };
  const std::uint64_t seeds = seeds_to_try();
  const auto orders = testing::explore<World>({.seeds = seeds}, whole, check);
  CHECK(orders.steps > orders.runs);
  if (bears.late_turns) testing::explore<World>({.seeds = seeds, .late_turns = true}, whole, check);
  if (!bears.cancel) return;
  const std::uint64_t orders_to_cancel_in = 1 + seeds / 100;
  for (std::uint64_t seed = 0; seed <= orders_to_cancel_in; ++seed) {
    testing::cancel_options options;
    if (seed != 0) options.seed = seed;
    const auto done = testing::cancel_everywhere<World>(options, whole, check);
    CHECK(done.runs > 2);
    options.twice = true;
    testing::cancel_everywhere<World>(options, whole, check);
    if (!bears.cancel_each) continue;
    options.each_task = true;
    testing::cancel_everywhere<World>(options, whole, check);
    options.twice = false;
    testing::cancel_everywhere<World>(options, whole, check);
  }
}

}  // namespace nakh::test
