// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "task_core.hpp"
#include "trial.hpp"

#include <cstddef>
#include <cstdint>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

namespace nakh::detail {

/// Looks on while a scenario runs: chooses who has the next turn, cancels at the planned moment, and sees to it that the
/// run ends.
class director final : public step_observer {
 public:
  director(loop_core& loop, const trial_plan& plan);
  ~director() { loop_.sched.set_observer(nullptr); }
  director(const director&) = delete;
  director& operator=(const director&) = delete;

  /// The scenario begins: moments are counted from now on.
  void begin(const task_core& own) noexcept;
  /// It has ended, with all that it set going.
  void end() noexcept;
  /// `t` is none of the scenario's tasks.
  void overlook(const task_core* t) noexcept { overlooked_ = t; }
  /// From now on things only have to come to an end.
  void let_end() noexcept;

  [[nodiscard]] std::uint64_t steps() const noexcept { return steps_; }
  /// The unfinished tasks, and what each waits for.
  [[nodiscard]] std::string list_tasks() const;
  /// Writes down the moments, and who was cancelled.
  void report(trial_result& result);
  [[nodiscard]] bool has_cancelled() const noexcept { return cancelled_; }

  void begin_pass(ready_list& pass) noexcept override;
  [[nodiscard]] ready_node& choose(ready_list& pass) noexcept override;
  void begin_step(ready_node& node) noexcept override;
  void end_step() noexcept override;
  [[nodiscard]] bool is_stuck() noexcept override;

 private:
  struct known_task {
    task_core* task;
    std::size_t number;
    const char* waited_in = nullptr;  ///< What it waits for, or did before it was woken; null: it has gone on since.
  };
  enum class style : unsigned char { mostly_in_order, any, mostly_newest_first };

  void moment() noexcept;
  void look_at_tasks();
  void cancel(const known_task& chosen);
  void stop(const char* why) noexcept;
  void hold_some_back(ready_list& pass) noexcept;
  [[nodiscard]] std::string name_of(const task_core& t) const;
  [[nodiscard]] std::size_t below(std::size_t n) noexcept { return static_cast<std::size_t>(random_() % n); }
  [[nodiscard]] bool one_in(std::size_t n) noexcept { return below(n) == 0; }

  loop_core& loop_;
  const trial_plan& plan_;

  bool chooses_;
  std::mt19937_64 random_;
  style style_ = style::any;
  std::size_t held_back_of_8_ = 0;  ///< How many of eight ready tasks miss their turn.
  const ready_node* starved_ = nullptr;
  std::size_t starved_for_ = 0;  ///< So many more passes.

  std::uint64_t steps_ = 0;
  std::uint64_t last_step_;
  bool acting_ = false;
  std::uint64_t point_ = 0;
  std::vector<known_task> known_;  ///< The scenario's unfinished tasks, in the order of creation.
  std::vector<known_task> seen_;
  std::size_t next_number_ = 0;
  const task_core* own_ = nullptr;
  const task_core* overlooked_ = nullptr;
  const ready_node* running_ = nullptr;  ///< Whose step this was.

  std::vector<chance> chances_;
  bool cancelled_ = false;
  task_core* again_ = nullptr;  ///< Is cancelled a second time, once it has run and suspends.
  bool again_runs_ = false;
  std::string victim_;
  std::string wait_;
  std::string moment_;
};

/// The run was broken off, for a reason that needs no type's name.
class run_stopped : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace nakh::detail
