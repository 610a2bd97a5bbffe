// SPDX-License-Identifier: BSL-1.0
#include "director.hpp"

#include <utility>

namespace nakh::detail {

namespace {

/// What a suspended task waits for, as one word.
[[nodiscard]] std::string wait_of(const routine& r) {
  if (!r.has_begun()) return "";
  return r.state == routine_state::parked ? r.parked_in->kind->what : "yield";
}

[[nodiscard]] std::string moment_of(const routine& r, const std::string& wait) {
  if (!r.has_begun()) return "before it had begun";
  if (wait == "yield") return "while it gave others a turn";
  const std::string quoted = "(" + wait + ")";
  return r.state == routine_state::parked ? "while it waited " + quoted : "when it had been woken " + quoted + " and was about to run";
}

}  // namespace

director::director(loop_core& loop, const trial_plan& plan)
    : loop_(loop), plan_(plan), chooses_(plan.seed.has_value()), last_step_(plan.max_steps) {
  if (!chooses_) return;
  random_.seed(*plan.seed);
  style_ = static_cast<style>(below(3));
  constexpr std::size_t rates[] = {0, 1, 4};
  if (plan.hold_back) held_back_of_8_ = rates[below(3)];
}

// --- The order of turns ---

void director::begin_pass(ready_list& pass) noexcept {
  moment();
  if (!chooses_ || pass.empty()) return;
  if (plan_.late_turns && !loop_.timers.empty() && one_in(8)) loop_.virtual_time->jump_to(loop_.timers.next_deadline());
  if (held_back_of_8_ != 0) hold_some_back(pass);
}

// Into the next pass: some now and then, and sometimes one for a long time while the others go on.
void director::hold_some_back(ready_list& pass) noexcept {
  const ready_node* const last = &pass.back();
  bool others = false;
  for (ready_node* n = &pass.front();;) {
    ready_node* const next = n->next;
    const bool is_last = n == last;
    if (is_routine(*n)) {
      if (starved_ == nullptr && one_in(32)) {
        starved_ = n;
        starved_for_ = 1 + below(32);
      }
      if (n == starved_ || below(8) < held_back_of_8_) {
        pass.remove(*n);
        loop_.sched.push(*n);
      } else {
        others = true;
      }
    } else {
      others = true;
    }
    if (is_last) break;
    n = next;
  }
  // With nothing else to run, waiting longer would change nothing.
  if (starved_ != nullptr && (--starved_for_ == 0 || !others)) starved_ = nullptr;
}

ready_node& director::choose(ready_list& pass) noexcept {
  if (!chooses_) return pass.front();
  // Callbacks and hooks keep their order: the first of them stands for all.
  const auto nth = [&pass](std::size_t wanted) {
    struct {
      std::size_t count = 0;
      ready_node* node;
    } found{.node = &pass.front()};
    bool seen_other = false;
    for (ready_node* n = &pass.front();; n = n->next) {
      if (is_routine(*n) || !std::exchange(seen_other, true)) {
        if (found.count++ == wanted) found.node = n;
      }
      if (n == &pass.back()) return found;
    }
  };
  const std::size_t count = nth(0).count;
  if (count == 1) return *nth(0).node;
  std::size_t chosen = 0;
  if (style_ == style::any || one_in(4)) {
    chosen = below(count);
  } else if (style_ == style::mostly_newest_first) {
    chosen = count - 1;
  }
  return *nth(chosen).node;
}

// --- Steps and moments ---

void director::begin_step(ready_node& node) noexcept {
  running_ = &node;
  if (again_ != nullptr && &node == &again_->routine()) again_runs_ = true;
}

void director::end_step() noexcept {
  if (++steps_ == last_step_) {
    last_step_ += plan_.max_steps;
    stop("it takes more steps than max_steps allows; unfinished: ");
  }
  moment();
  if (!std::exchange(again_runs_, false)) return;
  for (const known_task& k : known_) {
    if (k.task == again_) cancel_task(*again_, nullptr);
  }
  again_ = nullptr;
}

bool director::is_stuck() noexcept {
  stop("every task waits and no timer is set: ");
  return true;
}

void director::begin(const task_core& own) noexcept {
  own_ = &own;
  acting_ = true;
}

void director::end() noexcept {
  acting_ = false;
  again_ = nullptr;
  own_ = nullptr;
}

void director::let_end() noexcept {
  end();
  chooses_ = false;
  last_step_ = steps_ + plan_.max_steps;
}

// Nothing runs: each unfinished task is suspended.
void director::moment() noexcept {
  if (!acting_) return;
  ++point_;
  try {
    look_at_tasks();
    for (const known_task& k : known_) {
      if (plan_.note_chances && (plan_.each_task || k.number == 0)) chances_.push_back({point_, k.number});
      if (plan_.cancel_at && plan_.cancel_at->point == point_ && plan_.cancel_at->task == k.number) {
        cancel(k);
        break;
      }
    }
  } catch (...) {
    loop_.sched.abort_pass(std::current_exception());  // no memory
  }
}

// The loop's ring is in order of creation, so those that are not known yet stand at its end. An address may come again, but
// not between two moments: a task ends in a step of its own, and the next one is made in another.
void director::look_at_tasks() {
  seen_.clear();
  auto old = known_.begin();
  for (ring_link* l = loop_.tasks.next; l != &loop_.tasks; l = l->next) {
    task_core& t = task_core::of(*l);
    if (&t == overlooked_) continue;
    while (old != known_.end() && old->task != &t) ++old;
    known_task k = old != known_.end() ? *old++ : known_task{&t, next_number_++};
    const routine& r = t.routine();
    if (r.state == routine_state::parked) {
      k.waited_in = r.parked_in->kind->what;
    } else if (static_cast<const ready_node*>(&r) == running_) {
      k.waited_in = nullptr;  // it has gone on
    }
    seen_.push_back(k);
  }
  running_ = nullptr;
  std::swap(known_, seen_);
  if (known_.empty() || known_.front().number != 0) own_ = nullptr;  // it has ended
}

void director::cancel(const known_task& chosen) {
  task_core& victim = *chosen.task;
  victim_ = name_of(victim);
  wait_ = chosen.waited_in != nullptr ? chosen.waited_in : wait_of(victim.routine());
  moment_ = moment_of(victim.routine(), wait_);
  cancelled_ = true;
  if (plan_.twice) again_ = &victim;
  cancel_task(victim, nullptr);
}

// --- Words ---

void director::stop(const char* why) noexcept {
  try {
    loop_.sched.abort_pass(std::make_exception_ptr(run_stopped(why + list_tasks())));
  } catch (...) {
    loop_.sched.abort_pass(std::current_exception());
  }
}

std::string director::name_of(const task_core& t) const {
  if (&t == overlooked_) return "the check's task";
  if (&t == own_) return "the scenario's task";
  if (t.label.is_text()) return "task '" + t.label.text() + "'";
  if (t.where().line() == 0) return "a task";
  return "the task created at " + std::string(t.where().file_name()) + ":" + std::to_string(t.where().line());
}

std::string director::list_tasks() const {
  constexpr int most = 8;
  std::string list;
  int count = 0;
  for (ring_link* l = loop_.tasks.next; l != &loop_.tasks; l = l->next) {
    if (++count > most) continue;
    const task_core& t = task_core::of(*l);
    if (count > 1) list += ", ";
    list += name_of(t) + " (" + (t.routine().has_begun() ? wait_of(t.routine()) : "not begun") + ")";
  }
  if (count > most) list += ", and " + std::to_string(count - most) + " more";
  return list;
}

void director::report(trial_result& result) {
  result.steps = steps_;
  result.chances = std::move(chances_);
  result.cancelled = cancelled_;
  result.victim = std::move(victim_);
  result.wait = std::move(wait_);
  result.moment = std::move(moment_);
}

}  // namespace nakh::detail
