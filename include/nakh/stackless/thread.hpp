// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>
#include <nakh/stackless/task.hpp>
#include <nakh/thread.hpp>
#include <nakh/threadsafe.hpp>

#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

/// @file
/// `nakh/thread.hpp` and `nakh/threadsafe.hpp` for coroutines.
/// @par Thread safety  The loop's thread only, apart from `async_threadsafe`.
namespace nakh {

namespace detail {

/// A coroutine that another thread has asked a loop for.
template <class T>
class remote_coroutine final : public remote_answer<T, remote_task> {
 public:
  explicit remote_coroutine(stackless::task<T> c) : coroutine_(std::move(c)) {}

 private:
  static stackless::task<> run(std::shared_ptr<remote_task> keeps, remote_coroutine& self) {
    try {
      if constexpr (std::is_void_v<T>) {
        co_await *std::move(self.coroutine_);
        self.value_.emplace();
      } else if constexpr (std::is_reference_v<T>) {
        T r = co_await *std::move(self.coroutine_);
        self.value_.emplace(std::addressof(r));
      } else {
        self.value_.emplace(co_await *std::move(self.coroutine_));
      }
    } catch (...) {
      self.keep_error();
    }
    static_cast<void>(keeps);
  }
  ref<future_state> make(loop_core& loop) override {
    return run(this->shared_from_this(), *this).start_as_task(loop, task_settings{.where = source_location{}});
  }
  void drop_closure() noexcept override { coroutine_.reset(); }

  std::optional<stackless::task<T>> coroutine_;
};

}  // namespace detail

namespace stackless {

/// `co_await` it: calls `f(args...)` in a thread, as `nakh::to_thread`. It is given to the threads at once.
template <class F, class... Args>
  requires std::is_invocable_v<std::decay_t<F>, std::decay_t<Args>...>
[[nodiscard("co_await it")]] future<std::invoke_result_t<std::decay_t<F>, std::decay_t<Args>...>> to_thread(F&& f, Args&&... args) {
  return nakh::detail::to_thread_future(std::forward<F>(f), std::forward<Args>(args)...);
}

/// Runs a coroutine as a task of `loop`, from any thread, as `nakh::async_threadsafe` does a function.
template <class T>
threadsafe_future<T> async_threadsafe(event_loop& loop, task<T> coroutine) {
  const auto asked = std::make_shared<nakh::detail::remote_coroutine<T>>(std::move(coroutine));
  threadsafe_future<T> answer(asked->get_future(), asked);
  asked->send(loop);
  return answer;
}

/// As `event_loop::shutdown_default_executor`.
[[nodiscard]] NAKH_API task<> shutdown_default_executor(event_loop& loop, delay limit = duration::max());

}  // namespace stackless

}  // namespace nakh
