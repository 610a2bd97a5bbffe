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

  void shut_down(loop_core& loop, delay limit) override { shut_down(loop, limit, &run_loop); }
  /// The same, where `wait` waits for a future.
  void shut_down(loop_core& loop, delay limit, void (*wait)(loop_core&, future_state&));
  void leave(loop_core& loop) noexcept override;

  outside_link jobs{&jobs, &jobs};
  outside_link remote_tasks{&remote_tasks, &remote_tasks};
  /// Tells who waits for a remote task that the loop is closed, and takes it out of the ring; set by who puts tasks there.
  void (*abandon_task)(outside_link& task) noexcept = nullptr;

 private:
  static void run_loop(loop_core& loop, future_state& waiting);
  static void let_go(const std::shared_ptr<thread_pool>& pool) noexcept;

  std::shared_ptr<thread_pool> pool_;
  bool shut_ = false;
};

}  // namespace nakh::detail
