// SPDX-License-Identifier: BSL-1.0
#include <nakh/threadsafe.hpp>

#include "loop_threads.hpp"
#include "task_core.hpp"

#include <utility>

namespace nakh::detail {

namespace {

/// Answers when the task has ended, on the loop's own stack; also when the loop drops it unrun.
class answer_call final : public done_call {
 public:
  answer_call() noexcept : done_call(source_location{}) {}
  ~answer_call() override {
    if (asked && source != nullptr) asked->end(*source);
  }
  void run() override {
    const auto task = ref<future_state>::adopt(std::exchange(source, nullptr));
    std::exchange(asked, nullptr)->end(*task);
  }

  std::shared_ptr<remote_task> asked;
};

/// Makes the task when the loop runs it; tells who waits when the loop drops it instead.
class begin_call {
 public:
  explicit begin_call(std::shared_ptr<remote_task> asked) noexcept : asked_(std::move(asked)) {}
  begin_call(begin_call&&) noexcept = default;
  begin_call(const begin_call&) = delete;
  begin_call& operator=(const begin_call&) = delete;
  ~begin_call() {
    if (asked_) asked_->never_begin();
  }
  void operator()() { std::exchange(asked_, nullptr)->begin(*this_loop); }

 private:
  std::shared_ptr<remote_task> asked_;
};

}  // namespace

remote_task::~remote_task() = default;

void remote_task::send(event_loop& loop) {
  loop_core& core = loop.core();
  door_ = core.door;
  auto call = ref<call_node>::adopt(make_call(begin_call(shared_from_this()), source_location{}));
  if (this_loop == &core) {
    core.push_call(*call.detach());
    return;
  }
  call->share();
  call_node* const owned = call.detach();
  if (!door_->post(*owned)) owned->release();
}

bool remote_task::cancel(const cancel_reason& reason) {
  std::exception_ptr error = std::make_exception_ptr(cancelled_error(reason));
  auto call = ref<call_node>::adopt(make_call(
      [self = shared_from_this(), reason] {
        self->end_waits();
        if (self->task_) self->task_->cancel(reason);
      },
      source_location{}));
  call->share();
  if (!claim_answer()) return false;
  call_node* const owned = call.detach();
  if (!door_->post(*owned)) owned->release();
  give(std::move(error));  // after that: a job that waits for it comes back behind the call
  return true;
}

void remote_task::prepare_wait() {
  if (this_loop != nullptr && this_loop->door == door_)
    throw usage_error("nakh: the loop would wait for itself; await a task of nakh::async instead");
  if (!thread_job::works_here_for(*door_)) return;
  auto call = ref<call_node>::adopt(make_call([self = shared_from_this()] { self->begin_wait(); }, source_location{}));
  call->share();
  call_node* const owned = call.detach();
  if (!door_->post(*owned)) owned->release();
}

void remote_task::begin_wait() noexcept {
  if (loop_ == nullptr || answered_.load(std::memory_order_relaxed)) return;
  ++waiting_jobs_;
  --loop_->outside_work;
}

void remote_task::end_waits() noexcept {
  if (loop_ != nullptr) loop_->outside_work += std::exchange(waiting_jobs_, 0);
}

void remote_task::begin(loop_core& loop) noexcept {
  // Cancelled before it began: it never does.
  if (answered_.load(std::memory_order_relaxed)) {
    drop_closure();
    return;
  }
  std::exception_ptr error;
  try {
    loop_threads& outside = loop_threads::of(loop);
    auto done = ref<call_node>::adopt(new answer_call);
    task_ = make(loop);
    outside.abandon_task = [](ring_link& task) noexcept { static_cast<remote_task&>(task).abandon(); };
    insert_before(outside.remote_tasks);
    loop_ = &loop;
    auto& owned = static_cast<answer_call&>(*done.detach());
    owned.asked = shared_from_this();
    add_done_call(*task_, owned);
    return;
  } catch (...) {
    error = std::current_exception();
  }
  drop_closure();
  answer(std::move(error));
}

void remote_task::never_begin() noexcept {
  drop_closure();
  answer(std::make_exception_ptr(
      usage_error("nakh: the loop is closed, and the task has not begun; keep the loop running as long as there are tasks for it")));
}

ref<future_state> remote_function::make(loop_core& loop) {
  return make_task(loop, task_settings{.where = source_location{}}, [this, self = shared_from_this()] {
    try {
      call();
    } catch (...) {
      keep_error();
    }
  });
}

void remote_task::keep_error() {
  try {
    throw;
  } catch (const cancelled_error&) {
    throw;
  } catch (const fatal_error&) {
    throw;
  } catch (...) {
    error_ = std::current_exception();
  }
}

void remote_task::end(future_state& task) noexcept {
  if (is_linked()) unlink();
  end_waits();
  loop_ = nullptr;
  task_ = {};
  drop_closure();  // of a task that was cancelled before its first step
  if (task.failed()) {
    // Not the function's error: that is kept here. There was no stack, or a fatal error, which leaves the loop too.
    task.mark_retrieved();
    answer(task.peek_error());
  } else if (task.status() == future_status::cancelled) {
    answer(std::make_exception_ptr(cancelled_error(task.reason())));
  } else {
    answer(std::move(error_));
  }
  drop_value();
}

void remote_task::abandon() noexcept {
  unlink();
  end_waits();
  loop_ = nullptr;
  answer(std::make_exception_ptr(usage_error("nakh: the loop is closed, and the task has refused to end; let it pass cancelled_error on")));
}

void remote_task::answer(std::exception_ptr error) noexcept {
  if (claim_answer()) give(std::move(error));
}

}  // namespace nakh::detail
