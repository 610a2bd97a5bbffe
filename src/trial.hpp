// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <nakh/testing.hpp>

#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <vector>

namespace nakh::detail {

/// A moment between two steps of a run, counted from 1, at which a task is suspended. The task by its number in the order
/// of creation; the scenario's own is 0.
struct chance {
  std::uint64_t point;
  std::size_t task;
};

/// How one run goes.
struct trial_plan {
  std::optional<std::uint64_t> seed = std::nullopt;  ///< Chooses the order of turns. None: the loop's own.
  bool hold_back = false;
  bool late_turns = false;
  std::uint64_t max_steps = 0;
  bool note_chances = false;
  bool each_task = false;                          ///< Those of all tasks, not of the scenario's own only.
  std::optional<chance> cancel_at = std::nullopt;  ///< Is cancelled there.
  bool twice = false;
};

/// What came of it.
struct trial_result {
  std::string problem;  ///< All that is wrong, as a sentence's end; empty: nothing.
  std::exception_ptr cause;
  std::uint64_t steps = 0;
  std::vector<chance> chances;
  bool cancelled = false;  ///< The moment of `cancel_at` came.
  std::string victim;      ///< Who was cancelled: "the scenario's task".
  std::string wait;        ///< In what, as a wait_op's `what`.
  std::string moment;      ///< The same with more words.
};

/// Runs a scenario once, in a fresh loop in virtual time.
[[nodiscard]] trial_result run_trial(const trial_plan& plan, const stage_maker& make);

}  // namespace nakh::detail
