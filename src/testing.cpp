// SPDX-License-Identifier: BSL-1.0
#include <nakh/testing.hpp>

#include "loop_core.hpp"
#include "switching.hpp"
#include "trial.hpp"

#include <nakh/error.hpp>

#include <charconv>
#include <cstdlib>
#include <string_view>

namespace nakh {

// --- Waiting and checkpoints ---

namespace testing {

namespace {

struct all_blocked_op : lowlevel::wait_op, detail::hook {
  all_blocked_op(detail::loop_core& l, detail::fiber& f) noexcept
      : wait_op{&waits},
        hook([](hook& self) noexcept {
          auto& op = static_cast<all_blocked_op&>(self);
          op.loop.sched.unpark(op.waiting);
        }),
        loop(l),
        waiting(f) {}
  static bool give_up(wait_op& self) noexcept {
    auto& op = static_cast<all_blocked_op&>(self);
    op.cancelled = true;
    op.loop.sched.remove(op);
    op.loop.sched.unpark(op.waiting);
    return true;
  }
  static constexpr lowlevel::wait_kind waits = {&give_up, "all blocked"};

  detail::loop_core& loop;
  detail::fiber& waiting;
  bool cancelled = false;
};

detail::fiber& require_task(const char* sentence) {
  detail::fiber* const f = detail::this_scheduler != nullptr ? detail::this_scheduler->current() : nullptr;
  if (f != nullptr) return *f;
  detail::throw_no_fiber(sentence);
}

}  // namespace

NAKH_RESUMES_ELSEWHERE void wait_all_blocked() {
  detail::fiber& self =
      require_task("nakh: only a task can wait for all others, and this is none; wrap the code in nakh::async, or in nakh::run at the top");
  all_blocked_op op(*detail::this_loop, self);
  op.loop.run_when_idle(op);
  op.loop.sched.park(op);
  if (op.cancelled) lowlevel::throw_cancelled();
}

}  // namespace testing

namespace detail {

checkpoint_watch::checkpoint_watch() {
  testing::require_task("nakh: only a task has checkpoints, and this is none; wrap the code in nakh::async, or in nakh::run at the top");
  // A task that suspends goes on in a later pass, and before that the loop has had control.
  this_loop->sched.ask_for_loop();
  rounds_at_start_ = this_loop->rounds;
}

void checkpoint_watch::require(bool expected, const source_location& where) const {
  const bool came = this_loop->rounds != rounds_at_start_;
  if (came == expected) return;
  throw testing::checkpoint_failed(
      "nakh: " + std::string(where.file_name()) + ":" + std::to_string(where.line()) + ": " +
      (came ? "what was to run without a checkpoint gave others a turn" : "what was to come to a checkpoint gave nobody else a turn"));
}

}  // namespace detail

// --- Many runs ---

namespace testing {

namespace {

thread_local constinit std::uint64_t seed_here = 0;

}  // namespace

std::uint64_t current_seed() noexcept { return seed_here; }

}  // namespace testing

namespace detail {

namespace {

constexpr std::uint64_t usual_seeds = 200;

std::optional<std::uint64_t> number_from_environment(const char* name) {
  const char* const value = std::getenv(name);
  if (value == nullptr) return std::nullopt;
  const std::string_view text(value);
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw std::invalid_argument("nakh: the environment variable " + std::string(name) + " is '" + value + "'; it takes a number");
  }
  return number;
}

void require_no_loop(const char* what) {
  if (this_loop == nullptr) return;
  throw usage_error("nakh: " + std::string(what) + " was called inside a running loop; it makes its own loops, so call it outside");
}

trial_result run_with_seed(const trial_plan& plan, const stage_maker& make) {
  const struct restore_seed {
    std::uint64_t outer = testing::seed_here;
    ~restore_seed() { testing::seed_here = outer; }
  } at_end;
  testing::seed_here = plan.seed.value_or(0);
  return run_trial(plan, make);
}

}  // namespace

stage::~stage() = default;

testing::tally explore(const testing::explore_options& options, const stage_maker& make) {
  require_no_loop("explore");
  trial_plan plan{.hold_back = options.hold_back, .late_turns = options.late_turns, .max_steps = options.max_steps};
  std::uint64_t seed = options.first_seed;
  std::uint64_t runs = 1;
  if (const auto only = options.only_seed ? options.only_seed : number_from_environment("NAKH_SEED")) {
    seed = *only;
  } else {
    runs = options.seeds ? *options.seeds : number_from_environment("NAKH_SEEDS").value_or(usual_seeds);
  }
  testing::tally done;
  for (; done.runs < runs; ++done.runs, ++seed) {
    plan.seed = seed;
    const trial_result r = run_with_seed(plan, make);
    done.steps += r.steps;
    if (r.problem.empty()) continue;
    throw testing::exploration_failed("nakh: the scenario fails with seed " + std::to_string(seed) + ": " + r.problem +
                                          "; NAKH_SEED=" + std::to_string(seed) + " in the environment runs it again",
                                      r.cause, seed);
  }
  return done;
}

testing::tally cancel_everywhere(const testing::cancel_options& options, const stage_maker& make) {
  using testing::cancellation_failed;
  require_no_loop("cancel_everywhere");
  trial_plan plan{.seed = options.seed,
                  .hold_back = true,
                  .max_steps = options.max_steps,
                  .note_chances = true,
                  .each_task = options.each_task,
                  .twice = options.twice};
  const trial_result undisturbed = run_with_seed(plan, make);
  if (!undisturbed.problem.empty()) {
    throw cancellation_failed("nakh: the scenario fails without any cancellation: " + undisturbed.problem, undisturbed.cause, 0, "");
  }
  testing::tally done{.runs = 1, .steps = undisturbed.steps};
  plan.note_chances = false;
  for (const chance& c : undisturbed.chances) {
    if (options.only_point && *options.only_point != c.point) continue;
    plan.cancel_at = c;
    const trial_result r = run_with_seed(plan, make);
    ++done.runs;
    done.steps += r.steps;
    const std::string point = std::to_string(c.point);
    if (!r.cancelled) {
      throw cancellation_failed("nakh: the scenario does not run twice in the same way: this time it had no point " + point +
                                    "; what it does must not depend on what earlier runs left, on time, or on addresses",
                                r.cause, c.point, "");
    }
    if (r.problem.empty()) continue;
    throw cancellation_failed(
        "nakh: the scenario does not bear it that " + r.victim + " is cancelled at point " + point + ", " + r.moment + ": " + r.problem,
        r.cause, c.point, r.wait);
  }
  if (options.only_point && done.runs == 1) {
    throw std::invalid_argument("nakh: the scenario's task is not suspended at a point " + std::to_string(*options.only_point) +
                                "; the last one is " + std::to_string(undisturbed.chances.back().point));
  }
  return done;
}

}  // namespace detail

}  // namespace nakh
