// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>
#include <nakh/detail/suspension.hpp>
#include <nakh/detail/wait_queue.hpp>

#include <coroutine>

namespace nakh::detail {

/// A wait in a line that belongs to something else.
class bare_line_awaiter {
 public:
  using makes_task_wait = void;
  explicit bare_line_awaiter(wait_queue& line) noexcept : line_(line) {}
  [[nodiscard]] bool await_ready() {
    if (!runs_in_fiber()) return false;
    how_ = wait_in_line(line_);
    return true;
  }
  void await_suspend(std::coroutine_handle<> self) { wait_.suspend(line_, self); }
  [[nodiscard]] wait_queue::ending await_resume() noexcept { return wait_.has_waited() ? wait_.resume() : how_; }

 private:
  wait_queue& line_;
  wait_queue::ending how_ = wait_queue::ending::woken;
  line_wait wait_;
};

}  // namespace nakh::detail
