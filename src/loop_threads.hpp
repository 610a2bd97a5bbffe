// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "loop_core.hpp"

#include <nakh/thread.hpp>

#include <memory>

namespace nakh::detail {

/// What one loop has outside: its default executor, the jobs that threads do for it, the tasks that they asked it for.
class loop_threads final : public thread_side {
 public:
  /// That of `loop`, made when there is none. @throws std::bad_alloc
  static loop_threads& of(loop_core& loop);

  /// The default executor's threads; the executor is made when there is none. @throws usage_error, std::bad_alloc
  worker_threads& default_executor();
  void set_default_executor(std::shared_ptr<thread_pool> pool) noexcept;

  void shut_down(loop_core& loop, delay limit) override;
  class shutting_down;
  void leave(loop_core& loop) noexcept override;

  ring_link jobs;
  ring_link remote_tasks;
  /// Tells who waits for a remote task that the loop is closed, and takes it out of the ring; set by who puts tasks there.
  void (*abandon_task)(ring_link& task) noexcept = nullptr;

 private:
  static void let_go(const std::shared_ptr<thread_pool>& pool) noexcept;

  std::shared_ptr<thread_pool> pool_;
  bool shut_ = false;
};

/// Shuts the default executor down; between the two ends of this one waits.
class loop_threads::shutting_down {
 public:
  shutting_down(loop_core& loop, delay limit);
  /// Takes the wait back, if something else has ended it.
  ~shutting_down();
  shutting_down(const shutting_down&) = delete;
  shutting_down& operator=(const shutting_down&) = delete;

  /// Is done when all jobs have ended, or the time is over. Null: there is nothing to wait for.
  [[nodiscard]] future_state* waiting() const noexcept { return waiting_.get(); }
  /// After the wait. @throws cancelled_error  when that was cancelled
  void end();

 private:
  class alarm;

  loop_core& loop_;
  std::shared_ptr<thread_pool> pool_;
  ref<future_state> waiting_;
  std::unique_ptr<alarm> alarm_;
};

/// @throws usage_error  unless a task of `loop` runs here.
void require_task_of(const loop_core& loop);

}  // namespace nakh::detail
