// SPDX-License-Identifier: BSL-1.0
#include <nakh/pipeline.hpp>

#include "task_core.hpp"

#include <nakh/lowlevel.hpp>

#include <algorithm>

namespace nakh::detail {

namespace {

// Takes no cancellation: it stays pending, and is delivered at the task's next suspension.
struct wait_for_helper : lowlevel::wait_op, completion {
  explicit wait_for_helper(fiber& f) noexcept : wait_op{&waits_for_helper}, completion(ended), waiting(f) {}
  static void wake(completion& self, future_state& done) noexcept { done.loop().sched.unpark(static_cast<wait_for_helper&>(self).waiting); }
  static constexpr lowlevel::wait_kind waits_for_helper = {.what = "pipeline's helper"};
  static constexpr completion_kind ended = {&wake};
  fiber& waiting;
};

void wait_for_end(future_state& helper) noexcept {
  if (helper.done()) return;
  scheduler& s = helper.loop().sched;
  wait_for_helper op(*s.current());
  helper.subscribe(op);
  try {
    lowlevel::park(op);
  } catch (const cancelled_error&) {
    op.waiting.cancel_pending = true;
  }
}

}  // namespace

void require_positive(std::size_t number, const char* sentence) {
  if (number == 0) throw std::invalid_argument(sentence);
}

void stage_helpers::make_room() {
  if (tasks_.size() < tasks_.capacity()) return;
  // Those that have ended are forgotten, so that the list stays as short as the work in hand.
  std::erase_if(tasks_, [](const ref<future_state>& t) { return t->done(); });
  if (tasks_.size() * 2 >= tasks_.capacity()) tasks_.reserve(std::max<std::size_t>(4, tasks_.capacity() * 2));
}

// In a generator's end, which is a task's. A cancellation of that task meanwhile is kept for later: nothing must be left.
stage_helpers::~stage_helpers() {
  for (const auto& t : tasks_) t->cancel(nullptr);
  for (const auto& t : tasks_) {
    wait_for_end(*t);
    t->mark_retrieved();
  }
}

}  // namespace nakh::detail
