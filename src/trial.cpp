// SPDX-License-Identifier: BSL-1.0
#include "trial.hpp"

#include "director.hpp"

#include <nakh/loop.hpp>
#include <nakh/task.hpp>

#include <memory>
#include <utility>

namespace nakh::detail {

namespace {

class trial {
 public:
  trial(const trial_plan& plan, const stage_maker& make) : plan_(plan), make_(make) {}

  trial_result run() {
    event_loop loop(loop_options{.clock = &clock_});
    loop.set_exception_handler([this](event_loop&, const exception_context& c) { note(c); });
    director chief(loop.core(), plan_);
    loop.core().sched.set_observer(&chief);
    act(loop, chief);
    chief.let_end();
    reports_count_ = result_.problem.empty();  // otherwise they only tell of what is known
    loop.close();
    stage_.reset();
    if (loop.stacks().in_use != 0) note("stacks are in use after the loop was closed");
    chief.report(result_);
    return std::move(result_);
  }

 private:
  [[nodiscard]] bool fine() const noexcept { return result_.problem.empty(); }

  // What the stage is of stays until no task refers to it: when something is left, until the loop was closed.
  void act(event_loop& loop, director& chief) {
    try {
      in_task(loop, chief, [this] { stage_ = make_(); });
      play(loop, chief);
      if (fine()) in_task(loop, chief, [this] { stage_->check(); });
      if (fine()) look_for_leftovers(loop, chief, "after the check");
      if (fine()) in_task(loop, chief, [this] { stage_.reset(); });
    } catch (...) {
      note(std::current_exception());
    }
  }

  // The scenario itself, and all that it has set going, until that is blocked.
  void play(event_loop& loop, director& chief) {
    {
      const auto own = loop.create_task([this] { stage_->play(); });
      chief.begin(*own.state().as_task());
      run_until_done(loop.core(), own.state(), true);
      own.state().mark_retrieved();
      if (own.state().failed()) {
        note(own.state().peek_error());
      } else if (own.cancelled() && !chief.has_cancelled()) {
        note("its task was cancelled");
      }
    }
    in_task(loop, chief, [] { testing::wait_all_blocked(); });
    chief.end();
    look_for_leftovers(loop, chief, "when the scenario has ended");
  }

  template <class F>
  static void in_task(event_loop& loop, director& chief, F&& f) {
    const auto t = loop.create_task(std::forward<F>(f));
    chief.overlook(t.state().as_task());
    run_until_done(loop.core(), t.state(), true);
    chief.overlook(nullptr);
    t.result();
  }

  void look_for_leftovers(event_loop& loop, const director& chief, const char* when) {
    if (loop.core().tasks.is_linked()) {
      note("unfinished " + std::string(when) + ": " + chief.list_tasks());
    } else if (const std::size_t timers = loop.pending_timers(); timers != 0) {
      note(std::to_string(timers) + (timers == 1 ? " timer is" : " timers are") + " left " + when);
    }
  }

  void note(const exception_context& c) {
    if (!reports_count_) return;
    note("reported to the exception handler: " + c.message + (c.exception ? ": " + describe(c.exception) : ""));
    if (!result_.cause) result_.cause = c.exception;
  }
  void note(const std::exception_ptr& error) {
    try {
      std::rethrow_exception(error);
    } catch (const run_stopped& e) {
      note(std::string(e.what()));
    } catch (...) {
      note(describe(error));
      if (!result_.cause) result_.cause = error;
    }
  }
  void note(const std::string& problem) {
    if (!result_.problem.empty()) result_.problem += "; ";
    result_.problem += problem;
  }

  const trial_plan& plan_;
  const stage_maker& make_;
  virtual_clock clock_;
  std::unique_ptr<stage> stage_;
  trial_result result_;
  bool reports_count_ = true;
};

}  // namespace

trial_result run_trial(const trial_plan& plan, const stage_maker& make) { return trial(plan, make).run(); }

}  // namespace nakh::detail
