// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>
#include <nakh/source_location.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

/// @file
/// What tests of programs with tasks need: a moment when all wait, proof of checkpoints, every order of turns, a
/// cancellation at each suspension. Time that jumps is `nakh::virtual_clock`. Works with any test framework: what it
/// finds is thrown.
namespace nakh::testing {

/// Something under test does not do what it should.
class NAKH_API test_failed : public std::runtime_error {
 public:
  /// With what is wrong, and the exception behind it.
  explicit test_failed(const std::string& sentence, std::exception_ptr cause = nullptr)
      : std::runtime_error(sentence), cause_(std::move(cause)) {}
  /// The exception that the code under test threw; null when it threw none.
  [[nodiscard]] const std::exception_ptr& cause() const noexcept { return cause_; }

 private:
  std::exception_ptr cause_;
};

/// A function came to a checkpoint and should not have, or the other way round.
class NAKH_API checkpoint_failed : public test_failed {
 public:
  /// As `test_failed`.
  using test_failed::test_failed;
};

/// `explore` found an order of turns in which the scenario fails. The message says how to have it again.
class NAKH_API exploration_failed : public test_failed {
 public:
  /// As `test_failed`, with the seed of the run that failed.
  exploration_failed(const std::string& sentence, std::exception_ptr cause, std::uint64_t seed)
      : test_failed(sentence, std::move(cause)), seed_(seed) {}
  /// The seed of the order of turns: `explore_options::only_seed` has it again.
  [[nodiscard]] std::uint64_t seed() const noexcept { return seed_; }

 private:
  std::uint64_t seed_;
};

/// `cancel_everywhere` found a moment when the scenario does not bear a cancellation.
class NAKH_API cancellation_failed : public test_failed {
 public:
  /// As `test_failed`, with the moment, and what the task was waiting for.
  cancellation_failed(const std::string& sentence, std::exception_ptr cause, std::uint64_t point, std::string wait)
      : test_failed(sentence, std::move(cause)), point_(point), wait_(std::move(wait)) {}
  /// Which moment, as `cancel_options::only_point` takes it; 0: it fails without any cancellation.
  [[nodiscard]] std::uint64_t point() const noexcept { return point_; }
  /// What the cancelled task was waiting for, a `lowlevel::wait_op::what`: "mutex"; "yield"; empty before it had begun.
  [[nodiscard]] const std::string& wait() const noexcept { return wait_; }

 private:
  std::uint64_t point_;
  std::string wait_;
};

// --- Waiting and checkpoints ---

/// Suspends until every other task of the loop is blocked and no callback is left to run: nothing more happens before
/// time goes on or something comes from outside. Who was waiting here already goes on together with this one.
///
/// It looks at sockets and other threads' calls once more before, but waits for neither: there is no cushion, since that
/// would be a sleep. In virtual time it ends before the clock jumps.
/// @throws cancelled_error  when the task is cancelled meanwhile.
/// @throws usage_error      outside a task.
/// @par Suspends       Always.
/// @par Thread safety  The loop's thread only.
/// @par Complexity     O(1), no allocation.
/// @par Source         trio.testing.wait_all_tasks_blocked, with its default cushion of 0.
NAKH_API void wait_all_blocked();

}  // namespace nakh::testing

namespace nakh::detail {

/// Notes whether the current task suspends while it lives.
class NAKH_API checkpoint_watch {
 public:
  /// @throws usage_error  outside a task.
  checkpoint_watch();
  /// @throws checkpoint_failed  unless a suspension was `expected` and there was one, or neither.
  void require(bool expected, const source_location& where) const;

 private:
  std::uint64_t rounds_at_start_;
};

template <class F>
std::invoke_result_t<F&&> watch_checkpoints(bool expected, F&& f, const source_location& where) {
  const checkpoint_watch watch;
  if constexpr (std::is_void_v<std::invoke_result_t<F&&>>) {
    std::forward<F>(f)();
    watch.require(expected, where);
  } else {
    std::invoke_result_t<F&&> result = std::forward<F>(f)();
    watch.require(expected, where);
    return static_cast<std::invoke_result_t<F&&>&&>(result);
  }
}

}  // namespace nakh::detail

namespace nakh::testing {

/// Calls `f`, and makes sure that it comes to a checkpoint: suspends the current task at least once, which gives others
/// a turn and lets a cancellation in. Returns what `f` does.
/// @throws checkpoint_failed  when it came to none.
/// @throws usage_error        outside a task.
/// @throws whatever f throws  unchecked.
/// @par Suspends       As `f` does.
/// @par Thread safety  The loop's thread only.
/// @par Source         trio.testing.assert_checkpoints.
template <class F>
  requires std::invocable<F&&>
std::invoke_result_t<F&&> assert_checkpoints(F&& f, source_location where = source_location::current()) {
  return detail::watch_checkpoints(true, std::forward<F>(f), where);
}
/// The opposite: nothing else runs while `f` does.
/// @par Thread safety  The loop's thread only.
template <class F>
  requires std::invocable<F&&>
std::invoke_result_t<F&&> assert_no_checkpoints(F&& f, source_location where = source_location::current()) {
  return detail::watch_checkpoints(false, std::forward<F>(f), where);
}

// --- Many runs ---

/// What was done.
struct tally {
  /// How many times the scenario ran.
  std::uint64_t runs = 0;
  std::uint64_t steps = 0;  ///< Turns of tasks and callbacks, in all runs together.
};

/// The seed of the run that goes on in this thread: for a scenario that wants to draw numbers of its own. 0 in none.
/// @par Thread safety  Any thread: each has its own.
[[nodiscard]] NAKH_API std::uint64_t current_seed() noexcept;

/// Settings of `explore`.
struct explore_options {
  /// How many runs. None: as many as the environment variable NAKH_SEEDS says, or 200.
  std::optional<std::uint64_t> seeds = std::nullopt;
  /// They have this seed and those after it.
  std::uint64_t first_seed = 1;
  /// One run, with this seed. None: with the one that the environment variable NAKH_SEED names, if it does.
  std::optional<std::uint64_t> only_seed = std::nullopt;
  /// A run with more steps fails: the scenario never ends.
  std::uint64_t max_steps = 100'000;
  /// Ready tasks may also miss their turn for some passes, as if they had been woken later.
  bool hold_back = true;
  /// Timers may also become due while tasks are ready, as on a busy machine. Then no deadline is far enough away.
  bool late_turns = false;
};

/// Settings of `cancel_everywhere`.
struct cancel_options {
  /// Also each other task that the scenario makes is cancelled, by turn; otherwise the scenario's own only.
  bool each_task = false;
  /// A second request follows when the task suspends the next time, in its cleanup.
  bool twice = false;
  /// The order of turns is chosen by this seed, as by `explore`. None: the loop's own order.
  std::optional<std::uint64_t> seed = std::nullopt;
  /// Cancels at this point only. None: at each.
  std::optional<std::uint64_t> only_point = std::nullopt;
  /// A run with more steps fails: the scenario never ends.
  std::uint64_t max_steps = 100'000;
};

}  // namespace nakh::testing

namespace nakh::detail {

/// A scenario and what it works on, for one run. Everything happens in tasks of the run's loop.
class NAKH_API stage {
 public:
  stage() = default;
  stage(const stage&) = delete;
  stage& operator=(const stage&) = delete;
  virtual ~stage();
  virtual void play() = 0;
  virtual void check() {}
};

template <class Scenario>
struct bare_stage final : stage {
  explicit bare_stage(Scenario& s) : scenario(s) {}
  void play() override { static_cast<void>(scenario()); }
  Scenario& scenario;
};

template <class World, class Scenario, class Check>
struct stage_with_world final : stage {
  stage_with_world(Scenario& s, Check& c) : scenario(s), look(c) {}
  void play() override { static_cast<void>(scenario(world)); }
  void check() override { static_cast<void>(look(world)); }
  Scenario& scenario;
  Check& look;
  World world{};
};

using stage_maker = std::function<std::unique_ptr<stage>()>;
NAKH_API testing::tally explore(const testing::explore_options& options, const stage_maker& make);
NAKH_API testing::tally cancel_everywhere(const testing::cancel_options& options, const stage_maker& make);

}  // namespace nakh::detail

namespace nakh::testing {

/// Runs `scenario` once for each seed, in a task of a fresh loop in virtual time, and lets the seed choose which ready
/// task has the next turn. Callbacks keep their order among themselves, and primitives the order in which they wake.
///
/// A run fails when the scenario throws; when something is reported to the loop's exception handler; when every task
/// waits and no timer is set; when it takes too many steps; when tasks or timers are left after it has ended and all are
/// blocked. The same seed always gives the same run, unless the scenario uses threads, sockets, signals, real time or
/// addresses to decide what it does. It is called from one run to the next: what it changes outside stays changed.
/// @throws exploration_failed     with the seed, at the first run that fails.
/// @throws std::invalid_argument  when NAKH_SEED or NAKH_SEEDS is no number.
/// @throws usage_error            inside a running loop.
/// @par Suspends       It makes its own loops, so it is called outside of one.
/// @par Thread safety  Any thread.
/// @par Complexity     O(ready tasks) a step: meant for scenarios with tens of tasks.
/// @par Source         None in asyncio. The idea is that of Trio's randomised batches.
template <class Scenario>
  requires std::invocable<Scenario&>
tally explore(const explore_options& options, Scenario scenario) {
  return detail::explore(options, [&scenario] { return std::make_unique<detail::bare_stage<Scenario>>(scenario); });
}
/// The same for a scenario that works on a `World`, of which each run makes a new one; afterwards `check` looks at it,
/// in a task of the same loop.
template <class World, class Scenario, class Check>
  requires std::invocable<Scenario&, World&> && std::invocable<Check&, World&>
tally explore(const explore_options& options, Scenario scenario, Check check) {
  return detail::explore(
      options, [&scenario, &check] { return std::make_unique<detail::stage_with_world<World, Scenario, Check>>(scenario, check); });
}

/// Runs `scenario` undisturbed, and then once more for each moment at which its task is suspended: there the task is
/// cancelled. Moments are before and after each step of the loop, so that a task is met as soon as it waits, late in
/// its wait, and when it was woken and has not run yet; also before it has begun.
///
/// A run fails when the scenario ends with another error than `cancelled_error`, and for all the reasons for which one of
/// `explore` does. The undisturbed run must end normally.
/// @throws cancellation_failed    with the point and the wait, at the first run that fails.
/// @throws usage_error            inside a running loop.
/// @par Suspends       It makes its own loops, so it is called outside of one.
/// @par Thread safety  Any thread.
/// @par Complexity     O(steps) runs; with `each_task` that times the tasks.
template <class Scenario>
  requires std::invocable<Scenario&>
tally cancel_everywhere(const cancel_options& options, Scenario scenario) {
  return detail::cancel_everywhere(options, [&scenario] { return std::make_unique<detail::bare_stage<Scenario>>(scenario); });
}
/// The same for a scenario that works on a `World`, of which each run makes a new one; afterwards `check` looks at it,
/// in a task of the same loop: that a mutex is free, that no permit is lost.
template <class World, class Scenario, class Check>
  requires std::invocable<Scenario&, World&> && std::invocable<Check&, World&>
tally cancel_everywhere(const cancel_options& options, Scenario scenario, Check check) {
  return detail::cancel_everywhere(
      options, [&scenario, &check] { return std::make_unique<detail::stage_with_world<World, Scenario, Check>>(scenario, check); });
}

}  // namespace nakh::testing
