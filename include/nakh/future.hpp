// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>
#include <nakh/detail/call.hpp>
#include <nakh/detail/state.hpp>
#include <nakh/loop.hpp>
#include <nakh/source_location.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

namespace nakh {

/// Names a done callback, so that it can be taken back.
enum class callback_id : std::uint64_t {};

namespace detail {

/// A user's done callback: queued as an ordinary callback when the future is done.
class NAKH_API done_call : public call_node, public completion {
 public:
  explicit done_call(source_location where) noexcept : call_node(where), completion(told) {}
  ~done_call() override;

  future_state* source = nullptr;  ///< Counted from the moment that the call is queued.
  std::uint64_t id = 0;

  static void queue(completion& self, future_state& done) noexcept;
  static void discard(completion& self) noexcept;
  static const completion_kind told;
};

NAKH_API callback_id add_done_call(future_state& state, done_call& owned) noexcept;
NAKH_API std::size_t remove_done_call(future_state& state, callback_id id) noexcept;

template <class T, class F>
class done_call_of final : public done_call {
 public:
  template <class G>
  done_call_of(G&& f, source_location where) : done_call(where), f_(std::forward<G>(f)) {}
  void run() override {
    const future<T> done(ref<result_state<T>>::adopt(static_cast<result_state<T>*>(std::exchange(source, nullptr))));
    if constexpr (std::is_invocable_v<F&, const future<T>&>) {
      static_cast<void>(f_(done));
    } else {
      static_cast<void>(f_());
    }
  }
  static void* operator new(std::size_t size) { return allocate_block(size); }
  static void operator delete(void* p, std::size_t size) noexcept { free_block(p, size); }

 private:
  F f_;
};

/// The reason as `cancel` wants it; null when there is no text.
[[nodiscard]] NAKH_API cancel_reason make_reason(std::string text);

}  // namespace detail

/// A result that is not there yet: a shared handle, copies refer to the same future.
///
/// Somebody creates it and sets its result; any number of tasks await it. T may be void, a reference or move-only;
/// a move-only result can be had once.
/// @par Thread safety  The loop's thread only. From other threads go through `event_loop::call_soon_threadsafe`.
/// @par Source         asyncio.Future (CPython 3.14).
template <class T = void>
class future {
 public:
  using value_type = T;
  using makes_task_wait = void;  ///< For the library: see nakh/stackless/foreign.hpp.

  /// A pending future of the running loop. In debug mode its reports say that it was created at `where` (T-dbg-10).
  /// @throws usage_error     when no loop runs in this thread.
  /// @throws std::bad_alloc
  future(source_location where = source_location::current())  // NOLINT(google-explicit-constructor): it is the default one
      : future(detail::running_loop_core()) {
    state_->set_origin(where);
  }

  /// Waits until it is done, and returns its result.
  /// @throws cancelled_error  when it was cancelled, or the current task was.
  /// @throws usage_error      outside a task; from a task of another loop; when a task awaits itself.
  /// @throws whatever was set as its exception
  /// @par Suspends  Unless it is done already (T-fut-07).
  /// Cancelling the awaiting task cancels the future too (T-cancel-18); see `shield`.
  T await() const& {
    const auto pinned = state_;  // this handle may be gone, or be another one, afterwards
    pinned->wait();
    return pinned->result(false);
  }
  /// The same from a handle that is given up: moves the result out when nobody else holds one.
  T await() && {
    const auto own = std::move(state_);
    own->wait();
    return own->result(own->is_sole());
  }

  /// The result of a done future.
  /// @throws invalid_state_error  when it is not done, or a move-only result was taken before.
  /// @throws cancelled_error      when it was cancelled.
  T result() const { return state_->result(false); }
  /// The error of a done future; null when it has a result. Counts as retrieved.
  /// @throws invalid_state_error, cancelled_error  as `result`
  [[nodiscard]] std::exception_ptr exception() const { return state_->exception(); }

  /// Whether it has a result or an error, or was cancelled.
  [[nodiscard]] bool done() const noexcept { return state_->done(); }
  /// Whether it was cancelled.
  [[nodiscard]] bool cancelled() const noexcept { return state_->status() == detail::future_status::cancelled; }
  /// Cancels it; false when it is done. Who awaits it gets `cancelled_error`, one pass later.
  bool cancel() const noexcept { return state_->request_cancel(nullptr); }
  /// The same with a text that `cancelled_error::reason` gives back.
  /// @throws usage_error  in debug mode, when another thread runs the loop.
  bool cancel(std::string reason) const { return state_->request_cancel(detail::make_reason(std::move(reason))); }

  /// Sets the result and wakes who awaits it.
  /// @throws invalid_state_error  when it is done already; the value stays what it was.
  /// @throws usage_error          in debug mode, when another thread runs the loop.
  template <class... U>
    requires(std::is_void_v<T> ? sizeof...(U) == 0 : sizeof...(U) == 1)
  void set_result(U&&... value) const {
    detail::value_state<T>& own = own_state();
    if constexpr (std::is_reference_v<T>) {
      own.store(std::addressof(value)...);
    } else {
      own.store(std::forward<U>(value)...);
    }
    own.finish();
  }
  /// Sets an error, which is thrown at who awaits it.
  /// @throws invalid_state_error    when it is done already.
  /// @throws std::invalid_argument  when `error` is null.
  /// @throws usage_error            in debug mode, when another thread runs the loop.
  void set_exception(std::exception_ptr error) const {
    detail::value_state<T>& own = own_state();
    if (!error) throw std::invalid_argument("nakh: set_exception was given no exception");
    own.fail(std::move(error));
  }
  template <class E>
    requires(!std::same_as<std::decay_t<E>, std::exception_ptr>)
  void set_exception(E&& error) const {
    set_exception(std::make_exception_ptr(std::forward<E>(error)));
  }

  /// Calls `f` with this future, or without argument, one pass after it is done; never at once (T-fut-03, T-fut-05).
  template <class F>
  callback_id add_done_callback(F&& f, source_location where = source_location::current()) const {
    return detail::add_done_call(*state_, *new detail::done_call_of<T, std::decay_t<F>>(std::forward<F>(f), where));
  }
  /// Takes a callback back that was not queued yet. Returns how many were removed, 0 or 1 (T-fut-04).
  std::size_t remove_done_callback(callback_id id) const noexcept { return detail::remove_done_call(*state_, id); }

  /// Two handles of one future.
  friend bool operator==(const future& a, const future& b) noexcept { return a.state_.get() == b.state_.get(); }

  /// For the library.
  explicit future(detail::ref<detail::result_state<T>> state) noexcept : state_(std::move(state)) {}
  explicit future(detail::loop_core& loop)
      : state_(detail::ref<detail::result_state<T>>::adopt(new detail::value_state<T>(loop))), settable_(true) {}
  /// For the library.
  [[nodiscard]] detail::result_state<T>& state() const noexcept { return *state_; }
  /// For the library.
  [[nodiscard]] detail::ref<detail::result_state<T>> share() const noexcept { return state_; }
  /// For the library.
  [[nodiscard]] detail::ref<detail::result_state<T>> take_state() && noexcept { return std::move(state_); }

 private:
  detail::value_state<T>& own_state() const {
    if (!settable_) throw usage_error("nakh: the result of a task, a gather or a shield cannot be set from outside");
    state_->require_own_thread("set_result or set_exception");
    state_->require_pending();
    return static_cast<detail::value_state<T>&>(*state_);
  }

  detail::ref<detail::result_state<T>> state_;
  bool settable_ = false;
};

/// Waits for a future or task and returns its result; see `future::await`.
/// @par Thread safety  The loop's thread only.
template <class T>
T await(const future<T>& f) {
  return f.await();
}
template <class T>
T await(future<T>&& f) {
  return std::move(f).await();
}
/// Calls `f` here and now: a function that waits is an ordinary function, in the caller's task (T-task-05).
template <class F>
  requires std::is_invocable_v<F&&>
decltype(auto) await(F&& f) {
  return std::forward<F>(f)();
}

template <class T>
future<T> event_loop::create_future(source_location where) {
  require_open();
  future<T> made(*core_);
  made.state().set_origin(where);
  return made;
}

namespace detail {
/// Runs the loop until `state` is done.
NAKH_API void run_until_done(loop_core& loop, future_state& state, bool made_here);
}  // namespace detail

template <class T>
T event_loop::run_until_complete(const future<T>& f) {
  detail::run_until_done(*core_, f.state(), false);
  return f.result();
}

}  // namespace nakh
