// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>
#include <nakh/detail/block.hpp>
#include <nakh/detail/coroutine_block.hpp>
#include <nakh/detail/suspension.hpp>
#include <nakh/run.hpp>
#include <nakh/stackless/foreign.hpp>
#include <nakh/task.hpp>

#include <coroutine>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace nakh {

/// @file
/// The C++20 twin: coroutines on the same loop, with the same futures, locks, timers and cancellation as fibers. Only the way
/// of waiting differs: `co_await`, which every function on the way to it has to say too.
/// @par Thread safety  The loop's thread only.
namespace stackless {
template <class T = void>
class task;
}

namespace detail {

/// What becomes of a coroutine's end. Belongs to whoever awaits it; a task's own coroutine has none.
struct coroutine_end {
  std::coroutine_handle<> continuation = nullptr;  ///< Resumed at the end; null: a function in a fiber awaits it, and goes on.
  std::exception_ptr error = nullptr;
};
/// The running task's own coroutine has ended, in a step of the task. No task runs while its parameters are destroyed.
NAKH_API void end_running_task() noexcept;
/// It ends with the current exception.
NAKH_API void note_error_of_task() noexcept;

/// A task's own coroutine is not suspended at its end, and so destroys itself; another one is left to whoever awaits it.
struct final_awaiter {
  [[nodiscard]] bool await_ready() const noexcept { return is_of_task; }
  template <class Promise>
  [[nodiscard]] std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> self) const noexcept {
    const std::coroutine_handle<> continuation = self.promise().end()->continuation;
    return continuation ? continuation : std::noop_coroutine();
  }
  void await_resume() const noexcept {}

  bool is_of_task;
};

class coroutine_promise : public awaits_anything {
 public:
  [[nodiscard]] std::suspend_always initial_suspend() const noexcept { return {}; }
  [[nodiscard]] final_awaiter final_suspend() const noexcept {
    if (end_ == nullptr) end_running_task();
    return {end_ == nullptr};
  }
  void unhandled_exception() noexcept {
    if (end_ != nullptr) {
      end_->error = std::current_exception();
    } else {
      note_error_of_task();
    }
  }
  [[nodiscard]] const coroutine_end* end() const noexcept { return end_; }

  static void* operator new(std::size_t size) { return allocate_block(size); }
  static void operator delete(void* p, std::size_t size) noexcept { free_block(p, size); }

 protected:
  coroutine_end* end_ = nullptr;  ///< Null: a task's own.
};

template <class T>
class task_promise final : public coroutine_promise {
 public:
  stackless::task<T> get_return_object() noexcept;
  template <class U = T>
    requires std::is_constructible_v<T, U&&>
  void return_value(U&& value) {
    if constexpr (std::is_reference_v<T>) {
      T r = std::forward<U>(value);
      value_->emplace(std::addressof(r));
    } else {
      value_->emplace(std::forward<U>(value));  // NOLINT(clang-analyzer-core.CallAndMessage): it does not know coroutines
    }
  }
  void leave_outcome_in(coroutine_end* end, room_for<T>& value) noexcept {
    end_ = end;
    value_ = &value;
  }

 private:
  room_for<T>* value_ = nullptr;
};
template <>
class task_promise<void> final : public coroutine_promise {
 public:
  stackless::task<void> get_return_object() noexcept;
  void return_void() const noexcept {}
  void leave_outcome_in(coroutine_end* end, std::monostate& /*value*/) noexcept { end_ = end; }
};

/// The one owner of a coroutine's frame.
template <class T>
class coroutine_owner {
 public:
  using handle = std::coroutine_handle<task_promise<T>>;
  explicit coroutine_owner(handle h) noexcept : h_(h) {}
  coroutine_owner(coroutine_owner&& other) noexcept : h_(std::exchange(other.h_, nullptr)) {}
  coroutine_owner& operator=(coroutine_owner other) noexcept {
    std::swap(h_, other.h_);
    return *this;
  }
  ~coroutine_owner() {
    if (h_) h_.destroy();
  }
  [[nodiscard]] handle get() const noexcept { return h_; }
  void destroy() noexcept { std::exchange(h_, nullptr).destroy(); }
  [[nodiscard]] handle release() noexcept { return std::exchange(h_, nullptr); }

 private:
  handle h_;
};

[[noreturn]] NAKH_API void throw_coroutine_gone();

template <class T>
T take_value(room_for<T>& value) {
  if constexpr (std::is_void_v<T>) {
    static_cast<void>(value);
  } else if constexpr (std::is_reference_v<T>) {
    return static_cast<T>(**value);
  } else {
    return std::move(*value);  // NOLINT(bugprone-unchecked-optional-access): without an error there is one
  }
}

/// Awaits a coroutine from another one: as one calls a function, in the same task.
template <class T>
class task_awaiter {
 public:
  explicit task_awaiter(coroutine_owner<T> c) noexcept : coroutine_(std::move(c)) {}
  [[nodiscard]] bool await_ready() const {
    if (!coroutine_.get()) throw_coroutine_gone();
    return false;
  }
  [[nodiscard]] std::coroutine_handle<> await_suspend(std::coroutine_handle<> self) noexcept {
    end_.continuation = self;
    coroutine_.get().promise().leave_outcome_in(&end_, value_);
    return coroutine_.get();
  }
  T await_resume() {
    coroutine_.destroy();
    if (end_.error) std::rethrow_exception(std::move(end_.error));
    return take_value<T>(value_);
  }

 private:
  coroutine_owner<T> coroutine_;
  coroutine_end end_;
  [[no_unique_address]] room_for<T> value_;
};

/// A function awaits a coroutine: runs it in the current fiber, whose waits its waits are.
class NAKH_API end_in_fiber : public coroutine_end {
 public:
  /// @throws usage_error  when no fiber runs here.
  end_in_fiber();
  /// To its end: whatever it awaits blocks the fiber.
  void run(std::coroutine_handle<> begin);
};

/// A coroutine's task, in one block with its result.
template <class T>
class coroutine_task_state final : public value_state<T> {
 public:
  coroutine_task_state(loop_core& loop, coroutine_owner<T> c, const task_settings& settings) : value_state<T>(loop) {
    c.get().promise().leave_outcome_in(nullptr, this->stored_value());
    coroutine_block::begin(*this, c.release(), settings);
  }

  bool cancel(const cancel_reason& reason) noexcept override { return cancel_task(*coroutine_block::in_front_of(*this), reason); }
  [[nodiscard]] task_core* as_task() noexcept override { return coroutine_block::in_front_of(*this); }
  [[nodiscard]] const char* kind() const noexcept override { return "task"; }

  static void* operator new(std::size_t size, loop_core& loop) { return coroutine_block::allocate(size, loop); }
  static void operator delete(void* p, loop_core& /*loop*/) noexcept { coroutine_block::free(p, sizeof(coroutine_task_state)); }
  static void operator delete(void* p, std::size_t size) noexcept { coroutine_block::free(p, size); }

 protected:
  ~coroutine_task_state() override { coroutine_block::detach(*this); }
  void describe_unretrieved(exception_context& context) override { describe_task(*as_task(), context); }
};

/// What stands in a `co_await` expression and is no coroutine: one wait of the library's.
template <class A>
concept single_wait = !own_kind_of_task<A> && requires(A& a, std::coroutine_handle<> h) {
  static_cast<bool>(a.await_ready());
  a.await_suspend(h);
  a.await_resume();
};

}  // namespace detail

namespace stackless {

/// A coroutine that returns a T. It begins when it is awaited, and runs in the task that awaits it.
///
/// Give it to `co_await` in another coroutine, to `nakh::await` in a function that runs in a fiber, or to `spawn`,
/// `nakh::async`, `nakh::gather`, `nakh::run` and the like, which make it a task of its own. One that is dropped never ran.
///
/// In it one may `co_await` other libraries' awaitables too. Whoever resumes one, in whatever thread, the task goes on in a turn
/// of its own. Such a wait cannot be interrupted: `cancelled_error` is thrown when it is over, and its result is dropped.
/// @par Thread safety  The loop's thread only.
/// @par Source         A coroutine object of Python.
template <class T>
class [[nodiscard("a coroutine does nothing until it is awaited")]] task {
 public:
  using promise_type = detail::task_promise<T>;
  using value_type = T;
  /// For the library.
  using makes_task_wait = void;

  /// Runs it in the current task, and returns its result.
  /// @throws usage_error  when it was awaited or made a task before.
  /// @throws whatever it throws
  detail::task_awaiter<T> operator co_await() && noexcept { return detail::task_awaiter<T>(std::move(coroutine_)); }

  /// The same from a function in a fiber, which waits as it does in any call: what `nakh::await` calls.
  /// @throws usage_error  as `co_await`; outside a fiber: a coroutine uses `co_await`.
  /// @throws whatever it throws
  T operator()() && {
    detail::end_in_fiber end;
    [[maybe_unused]] detail::room_for<T> value;
    auto own = std::move(coroutine_);
    if (!own.get()) detail::throw_coroutine_gone();
    own.get().promise().leave_outcome_in(&end, value);
    end.run(own.get());
    own.destroy();
    if (end.error) std::rethrow_exception(std::move(end.error));
    return detail::take_value<T>(value);
  }

  /// For the library.
  explicit task(std::coroutine_handle<promise_type> h) noexcept : coroutine_(h) {}
  /// For the library.
  [[nodiscard]] detail::ref<detail::result_state<T>> start_as_task(detail::loop_core& loop, const detail::task_settings& settings) && {
    if (!coroutine_.get()) detail::throw_coroutine_gone();
    return detail::ref<detail::result_state<T>>::adopt(new (loop) detail::coroutine_task_state<T>(loop, std::move(coroutine_), settings));
  }

 private:
  detail::coroutine_owner<T> coroutine_;
};

/// A coroutine that waits for `wait` alone: to give one wait of the library's, or a future, where a coroutine is wanted, as in
/// `stackless::spawn(stackless::await(stackless::get(queue)))`.
template <detail::single_wait Wait>
[[nodiscard]] task<decltype(std::declval<Wait&>().await_resume())> await(Wait wait) {
  co_return co_await wait;
}

/// Makes a coroutine a task of the running loop, which begins in the next pass: what `nakh::async` is for a function.
/// @throws usage_error      outside a loop, or when it is closed.
/// @throws std::bad_alloc
/// @par Suspends       Never.
/// @par Thread safety  The loop's thread only.
/// @par Complexity     O(1), one pooled block beside the coroutine's frame.
/// @par Source         asyncio.create_task (CPython 3.14).
template <class T>
[[nodiscard("keep the handle: without it the task's error is only reported")]] nakh::task<T> spawn(
    task<T> coroutine, source_location where = source_location::current()) {
  return nakh::async(std::move(coroutine), where);
}
/// The same with options; `stack_size` means nothing here.
template <class T>
[[nodiscard("keep the handle: without it the task's error is only reported")]] nakh::task<T> spawn(task_options options,
                                                                                                   task<T> coroutine) {
  return nakh::async(std::move(options), std::move(coroutine));
}

/// Runs a coroutine in a fresh loop, as `nakh::run` does a function.
template <class T>
T run(task<T> main, source_location where = source_location::current()) {
  return nakh::run(std::move(main), where);
}
template <class T>
T run(run_options options, task<T> main, source_location where = source_location::current()) {
  return nakh::run(std::move(options), std::move(main), where);
}

}  // namespace stackless

namespace detail {

template <class T>
stackless::task<T> task_promise<T>::get_return_object() noexcept {
  return stackless::task<T>(std::coroutine_handle<task_promise>::from_promise(*this));
}
inline stackless::task<void> task_promise<void>::get_return_object() noexcept {
  return stackless::task<void>(std::coroutine_handle<task_promise>::from_promise(*this));
}

/// Waits for a future from a coroutine. Holds a reference to it; the last one may move the result out.
template <class T, bool MayMove>
class future_awaiter {
 public:
  explicit future_awaiter(ref<result_state<T>> state) noexcept : op_(state.detach()) {}
  ~future_awaiter() { op_.awaited->release(); }
  future_awaiter(const future_awaiter&) = delete;
  future_awaiter& operator=(const future_awaiter&) = delete;

  [[nodiscard]] bool await_ready() const noexcept { return op_.awaited->done(); }
  [[nodiscard]] bool await_suspend(std::coroutine_handle<> self) { return suspend_in_future(op_, self); }
  T await_resume() {
    if (op_.waiting != nullptr) resume_after_wait(*op_.waiting);
    return static_cast<result_state<T>*>(op_.awaited)->result(MayMove && op_.awaited->is_sole());
  }

 private:
  await_op op_;
};

}  // namespace detail

/// In a coroutine: waits until `f` is done, and returns its result, as `future::await` does in a function.
template <class T>
detail::future_awaiter<T, false> operator co_await(const future<T>& f) noexcept {
  return detail::future_awaiter<T, false>(f.share());
}
template <class T>
detail::future_awaiter<T, true> operator co_await(future<T>&& f) noexcept {
  return detail::future_awaiter<T, true>(std::move(f).take_state());
}

}  // namespace nakh
