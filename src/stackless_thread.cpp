// SPDX-License-Identifier: BSL-1.0
#include <nakh/stackless/thread.hpp>

#include "loop_threads.hpp"

#include <nakh/detail/suspension.hpp>

#include <coroutine>

namespace nakh {

namespace detail {

namespace {

// Until it is done; its outcome is not asked for.
class done_awaiter {
 public:
  using makes_task_wait = void;
  explicit done_awaiter(future_state& state) noexcept : state_(state) {}
  [[nodiscard]] bool await_ready() const noexcept { return state_.done(); }
  [[nodiscard]] bool await_suspend(std::coroutine_handle<> self) { return suspend_in_future(op_, self); }
  void await_resume() const {
    if (op_.waiting != nullptr) resume_after_wait(*op_.waiting);
  }

 private:
  future_state& state_;
  await_op op_{&state_};
};

}  // namespace

}  // namespace detail

namespace stackless {

task<> shutdown_default_executor(event_loop& loop, delay limit) {
  detail::require_task_of(loop.core());
  detail::loop_threads::shutting_down shutdown(loop.core(), limit);
  if (shutdown.waiting() != nullptr) co_await detail::done_awaiter(*shutdown.waiting());
  shutdown.end();
}

}  // namespace stackless

}  // namespace nakh
