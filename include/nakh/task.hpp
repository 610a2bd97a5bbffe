// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>
#include <nakh/context_var.hpp>
#include <nakh/future.hpp>
#include <nakh/source_location.hpp>

#include <cassert>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace nakh {

/// Settings of one task.
struct task_options {
  std::string name{};                                  ///< Empty: "Task-N".
  std::size_t stack_size = 0;                          ///< Usable bytes, at least 4096; 0: the loop's `loop_options::stack_size`.
  source_location where = source_location::current();  ///< For reports: where the task was created.
  /// The context that the task runs in, itself and not a copy (T-ctx-04). None: a copy of the current one.
  std::optional<nakh::context> context = std::nullopt;
  /// Whether the body runs at once, up to its first suspension, before the creator goes on (T-eager-01). None: as
  /// `loop_options::eager_start` says. Only a task or a callback of the running loop starts others at once: not who makes a
  /// task while the loop does not run, nor the destructor of a result that goes with its task.
  std::optional<bool> eager_start = std::nullopt;
};

namespace detail {

/// The same as `task_options`, cheap to pass on.
struct task_settings {
  source_location where;
  std::size_t stack_size = 0;
  std::string* name = nullptr;  ///< Is moved from.
  const nakh::context* context = nullptr;
  std::optional<bool> eager_start = std::nullopt;

  static task_settings of(task_options& options) noexcept {
    return {.where = options.where,
            .stack_size = options.stack_size,
            .name = &options.name,
            .context = options.context ? &*options.context : nullptr,
            .eager_start = options.eager_start};
  }
};

/// Memory for a task whose block has `size` bytes, with room for the library's own part in front of it.
[[nodiscard]] NAKH_API void* allocate_task(std::size_t size);
NAKH_API void free_task(void* block, std::size_t size) noexcept;
/// Makes the library's part of the task, in front of its block, which came from `allocate_task`.
NAKH_API void attach_task(future_state& block, const task_settings& settings);
[[nodiscard]] NAKH_API task_core* task_in_front_of(future_state& block) noexcept;
NAKH_API void detach_task(task_core& task) noexcept;
/// Checks that `loop` can take a task. @throws usage_error, stack_exhausted, std::invalid_argument
NAKH_API void require_room(loop_core& loop, std::size_t stack_size);
/// Queues its first step, or takes it.
NAKH_API void start_task(future_state& block, const task_settings& settings) noexcept;

NAKH_API bool cancel_task(task_core& task, const cancel_reason& reason) noexcept;
NAKH_API int uncancel_task(task_core& task) noexcept;
[[nodiscard]] NAKH_API int cancel_requests(const task_core& task) noexcept;
[[nodiscard]] NAKH_API std::string task_name(const task_core& task);
NAKH_API void set_task_name(task_core& task, std::string name);
NAKH_API void describe_task(const task_core& task, exception_context& context);

/// A task's future, its closure and its result in one block.
template <class T, class F>
class task_block final : public value_state<T> {
 public:
  template <class G>
  task_block(loop_core& loop, G&& f, const task_settings& settings) : value_state<T>(loop) {
    assert(static_cast<void*>(this) == static_cast<future_state*>(this) && "the library's part stands right in front");
    attach_task(*this, settings);
    try {
      ::new (static_cast<void*>(std::addressof(f_))) F(std::forward<G>(f));
    } catch (...) {
      detach_task(*as_task());
      throw;
    }
  }

  bool cancel(const cancel_reason& reason) noexcept override { return cancel_task(*task_in_front_of(*this), reason); }
  [[nodiscard]] task_core* as_task() noexcept override { return task_in_front_of(*this); }
  [[nodiscard]] const char* kind() const noexcept override { return "task"; }

  static void* operator new(std::size_t size) { return allocate_task(size); }
  static void operator delete(void* p, std::size_t size) noexcept { free_task(p, size); }

  void run_body() override {
    struct end_of_closure {
      F& f;
      ~end_of_closure() { f.~F(); }
    } const at_end{f_};
    if constexpr (std::is_void_v<T>) {
      std::move(f_)();
    } else if constexpr (std::is_reference_v<T>) {
      T r = std::move(f_)();
      this->store(std::addressof(r));
    } else {
      this->store(std::move(f_)());
    }
  }
  void discard_body() noexcept override { f_.~F(); }

 protected:
  ~task_block() override { detach_task(*task_in_front_of(*this)); }
  void describe_unretrieved(exception_context& context) override { describe_task(*as_task(), context); }

 private:
  union {
    F f_;
  };
};

template <class F>
using task_result = std::invoke_result_t<std::decay_t<F>&&>;

/// A coroutine: a body that needs no fiber.
template <class F>
concept own_kind_of_task =
    requires(std::decay_t<F> f, loop_core& loop, const task_settings& settings) { std::move(f).start_as_task(loop, settings); };

template <class F>
ref<result_state<task_result<F>>> make_task(loop_core& loop, const task_settings& settings, F&& f) {
  using result = task_result<F>;
  if constexpr (own_kind_of_task<F>) {
    static_assert(std::is_rvalue_reference_v<F&&>, "a coroutine can be run once; give it up with std::move");
    return std::forward<F>(f).start_as_task(loop, settings);
  } else {
    static_assert(!own_kind_of_task<result>, "this function makes a coroutine; call it, and give on what it returns");
    require_room(loop, settings.stack_size);
    auto* const block = new task_block<result, std::decay_t<F>>(loop, std::forward<F>(f), settings);
    auto owned = ref<result_state<result>>::adopt(block);
    start_task(*block, settings);
    return owned;
  }
}

/// `f` and its arguments as one closure; decayed, as std::thread does.
template <class F, class... Args>
auto bound(F&& f, Args&&... args) {
  return [f = std::decay_t<F>(std::forward<F>(f)), args = std::tuple<std::decay_t<Args>...>(std::forward<Args>(args)...)]() mutable
             -> std::invoke_result_t<std::decay_t<F>, std::decay_t<Args>...> { return std::apply(std::move(f), std::move(args)); };
}

}  // namespace detail

/// A function that runs in a fiber of its own, and its result: a future that can be named and told to stop.
///
/// Dropping the handle does not end the task. A task that fails and whose error nobody retrieves is reported to the
/// loop's exception handler, with its name and where it was created, when the last handle goes (T-dbg-01).
/// @par Thread safety  The loop's thread only.
/// @par Source         asyncio.Task (CPython 3.14).
template <class T = void>
class task : public future<T> {
 public:
  // Inherited: await, result, exception, done, cancelled, callbacks. `cancel` requests: the task gets `cancelled_error`
  // at its current or next suspension, may clean up, and may even go on (T-cancel-07).

  /// Takes one cancellation request back; the number that are left (T-cancel-13). At 0 one that was not delivered yet
  /// is withdrawn.
  int uncancel() const noexcept { return detail::uncancel_task(*core()); }
  /// Open cancellation requests.
  [[nodiscard]] int cancelling() const noexcept { return detail::cancel_requests(*core()); }
  /// Its name: what its options said, or "Task-N".
  [[nodiscard]] std::string get_name() const { return detail::task_name(*core()); }
  /// Gives it another name.
  void set_name(std::string name) const { detail::set_task_name(*core(), std::move(name)); }

  /// For the library.
  explicit task(detail::ref<detail::result_state<T>> state) noexcept : future<T>(std::move(state)) {}

 private:
  [[nodiscard]] detail::task_core* core() const noexcept { return this->state().as_task(); }
};

/// Any task, whatever its result; or none.
/// @par Thread safety  The loop's thread only.
class NAKH_API any_task {
 public:
  any_task() noexcept = default;
  /// The same task, without its result.
  template <class T>
  any_task(const task<T>& t) noexcept : state_(t.share()) {}  // NOLINT(google-explicit-constructor)

  /// False when it stands for no task.
  explicit operator bool() const noexcept { return static_cast<bool>(state_); }
  /// Whether it has ended, or was cancelled.
  [[nodiscard]] bool done() const noexcept { return state_->done(); }
  /// Whether it was cancelled.
  [[nodiscard]] bool cancelled() const noexcept { return state_->status() == detail::future_status::cancelled; }
  /// Requests its cancellation, as `future::cancel` of a task.
  bool cancel() const noexcept { return state_->request_cancel(nullptr); }
  bool cancel(std::string reason) const { return state_->request_cancel(detail::make_reason(std::move(reason))); }
  /// As `task::uncancel`.
  int uncancel() const noexcept { return detail::uncancel_task(*state_->as_task()); }
  /// As `task::cancelling`.
  [[nodiscard]] int cancelling() const noexcept { return detail::cancel_requests(*state_->as_task()); }
  /// As `task::get_name`.
  [[nodiscard]] std::string get_name() const { return detail::task_name(*state_->as_task()); }
  /// As `task::set_name`.
  void set_name(std::string name) const { detail::set_task_name(*state_->as_task(), std::move(name)); }
  friend bool operator==(const any_task&, const any_task&) noexcept = default;

  /// For the library.
  explicit any_task(detail::ref<detail::future_state> state) noexcept : state_(std::move(state)) {}
  /// For the library.
  [[nodiscard]] detail::ref<detail::future_state> share() const noexcept { return state_; }

 private:
  detail::ref<detail::future_state> state_;
};

/// Runs `f` in a task of the running loop. Returns at once; the body begins in the next pass (T-task-01), unless it is to
/// start eagerly.
///
/// Arguments are copied or moved into the task, as `std::thread` does; use `std::ref` for a reference. The stack is
/// taken when the body first runs and given back when it ends.
/// @throws usage_error            outside a loop, or when it is closed.
/// @throws stack_exhausted        when no stack can be had; one that runs out later ends the task with this error.
/// @throws std::invalid_argument  for a stack size that cannot be.
/// @throws std::bad_alloc
/// @par Suspends       Never.
/// @par Thread safety  The loop's thread only.
/// @par Complexity     O(1), one pooled block.
/// @par Source         asyncio.create_task (CPython 3.14).
template <class F>
  requires std::is_invocable_v<std::decay_t<F>&&>
[[nodiscard("keep the handle: without it the task's error is only reported")]] task<detail::task_result<F>> async(
    F&& f, source_location where = source_location::current()) {
  return task<detail::task_result<F>>(
      detail::make_task(detail::running_loop_core(), detail::task_settings{.where = where}, std::forward<F>(f)));
}
template <class F, class A>
  requires std::is_invocable_v<std::decay_t<F>, std::decay_t<A>>
[[nodiscard("keep the handle: without it the task's error is only reported")]] auto async(
    F&& f, A&& a, source_location where = source_location::current()) {
  return async(detail::bound(std::forward<F>(f), std::forward<A>(a)), where);
}
template <class F, class A, class B>
  requires std::is_invocable_v<std::decay_t<F>, std::decay_t<A>, std::decay_t<B>>
[[nodiscard("keep the handle: without it the task's error is only reported")]] auto async(
    F&& f, A&& a, B&& b, source_location where = source_location::current()) {
  return async(detail::bound(std::forward<F>(f), std::forward<A>(a), std::forward<B>(b)), where);
}
template <class F, class A, class B, class C, class... More>
  requires std::is_invocable_v<std::decay_t<F>, std::decay_t<A>, std::decay_t<B>, std::decay_t<C>, std::decay_t<More>...>
[[nodiscard("keep the handle: without it the task's error is only reported")]] auto async(F&& f, A&& a, B&& b, C&& c, More&&... more) {
  return async(detail::bound(std::forward<F>(f), std::forward<A>(a), std::forward<B>(b), std::forward<C>(c), std::forward<More>(more)...),
               source_location{});
}
/// The same with options.
template <class F, class... Args>
  requires std::is_invocable_v<std::decay_t<F>, std::decay_t<Args>...>
[[nodiscard("keep the handle: without it the task's error is only reported")]] auto async(task_options options, F&& f, Args&&... args) {
  using result = std::invoke_result_t<std::decay_t<F>, std::decay_t<Args>...>;
  detail::loop_core& loop = detail::running_loop_core();
  const auto settings = detail::task_settings::of(options);
  if constexpr (sizeof...(Args) == 0) {
    return task<result>(detail::make_task(loop, settings, std::forward<F>(f)));
  } else {
    return task<result>(detail::make_task(loop, settings, detail::bound(std::forward<F>(f), std::forward<Args>(args)...)));
  }
}

/// The task that runs now; none inside a plain callback.
/// @throws usage_error  outside a loop.
/// @par Thread safety  The loop's thread only.
/// @par Source         asyncio.current_task (CPython 3.14).
[[nodiscard]] NAKH_API any_task current_task();

/// Every unfinished task of the running loop, in order of creation, those that have not begun included.
/// @throws usage_error  outside a loop.
/// @par Thread safety  The loop's thread only.
/// @par Source         asyncio.all_tasks (CPython 3.14). Differs: in order of creation.
[[nodiscard]] NAKH_API std::vector<any_task> all_tasks();

template <class F>
task<std::invoke_result_t<std::decay_t<F>&&>> event_loop::create_task(F&& f, source_location where) {
  return task<detail::task_result<F>>(detail::make_task(*core_, detail::task_settings{.where = where}, std::forward<F>(f)));
}
template <class F>
task<std::invoke_result_t<std::decay_t<F>&&>> event_loop::create_task(task_options options, F&& f) {
  return task<detail::task_result<F>>(detail::make_task(*core_, detail::task_settings::of(options), std::forward<F>(f)));
}

template <class F>
  requires std::is_invocable_v<std::decay_t<F>&&>
auto event_loop::run_until_complete(F&& f, source_location where) {
  require_can_run();
  auto t = create_task(std::forward<F>(f), where);
  detail::run_until_done(*core_, t.state(), true);
  return std::move(t).await();
}

}  // namespace nakh
