// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>
#include <nakh/detail/asio_wait.hpp>
#include <nakh/detail/suspension.hpp>
#include <nakh/loop.hpp>

#include <boost/asio/async_result.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/system/error_code.hpp>
#include <coroutine>
#include <optional>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <utility>

/// @file
/// Boost.Asio, and every library built on it, for tasks: an asynchronous operation is a function that returns its result.
///
/// ```
/// asio::ip::tcp::socket socket(nakh::get_executor());
/// const std::size_t n = socket.async_read_some(asio::buffer(bytes), nakh::use_fiber);
/// ```
/// @par Thread safety  The loop's thread only.
namespace nakh {

/// An executor that runs handlers in a loop's thread, between the turns of tasks, on the loop's own stack: they may not wait.
/// Objects of Asio's that are made with it belong to that loop, and must go before it does. What a handler throws goes to the
/// loop's exception handler, apart from a `fatal_error`, which leaves `run`.
using executor = boost::asio::io_context::executor_type;

/// That of the loop that runs in this thread.
/// @throws usage_error  when none does.
[[nodiscard]] inline executor get_executor() { return detail::io_context_of(get_running_loop().core()).get_executor(); }
/// That of `loop`.
[[nodiscard]] inline executor get_executor(event_loop& loop) noexcept { return detail::io_context_of(loop.core()).get_executor(); }

/// `use_fiber[error]`: as `use_fiber`, with the operation's error in `error` rather than thrown.
template <class Error>
struct use_fiber_with_error {
  /// Where the operation's error goes; cleared when there is none.
  Error* error;
};

/// A completion token: suspends the current task (a fiber, or a fiber of Boost's on this loop) until the operation has ended, and
/// returns its result: nothing, the one value, or a tuple of several. An error code that leads the completion's arguments is
/// thrown as `std::system_error`, an exception pointer as what it holds.
///
/// A cancellation of the task, so a timeout too, asks the operation to end (`cancellation_type::all`), and the task waits until
/// it has. When it has succeeded all the same, its result is returned, and the cancellation is delivered at the next suspension;
/// so nothing that was received is lost. Otherwise `cancelled_error` is thrown.
///
/// The object may belong to another executor, or be bound to a strand: the result comes back to the loop, and the request to end
/// goes to that executor. As everywhere in Asio, it is the caller's part that nobody else uses the object meanwhile.
/// @throws usage_error        outside a task
/// @throws cancelled_error    also before the operation begins, when a cancellation is pending
/// @throws std::system_error  the operation's error: `e.code() == make_error_code(boost::asio::error::eof)`
/// @par Complexity  No allocation of its own; that of the operation, when it is no larger than 320 bytes, takes place on the stack.
struct use_fiber_t {
  /// As this token, with the operation's error in `error` rather than thrown.
  [[nodiscard]] constexpr use_fiber_with_error<boost::system::error_code> operator[](boost::system::error_code& error) const noexcept {
    return {&error};
  }
  [[nodiscard]] constexpr use_fiber_with_error<std::error_code> operator[](std::error_code& error) const noexcept { return {&error}; }

  /// An executor whose objects have this token as their default: `socket.async_connect(endpoint)`.
  template <class Inner>
  struct executor_with_default : Inner {
    using default_completion_token_type = use_fiber_t;
    /// From an executor of the kind that this one stands for.
    template <class Other>
      requires(!std::is_same_v<Other, executor_with_default>) && std::is_convertible_v<Other, Inner>
    executor_with_default(const Other& other) noexcept : Inner(other) {}  // NOLINT(google-explicit-constructor)
  };
  /// The type of object that `T` is, with this token as its default.
  template <class T>
  using as_default_on_t = typename T::template rebind_executor<executor_with_default<typename T::executor_type>>::other;
  /// `object` again, with this token as its default: `as_default_on(std::move(socket))`.
  template <class T>
  [[nodiscard]] static auto as_default_on(T&& object) {
    return as_default_on_t<std::decay_t<T>>(std::forward<T>(object));
  }
};
/// The token itself, as it is written in a call.
inline constexpr use_fiber_t use_fiber;

namespace stackless {

/// `use_fiber` for coroutines: the operation begins when what it returns is awaited, `co_await socket.async_connect(to,
/// nakh::stackless::use_coroutine)`; not awaited, it does nothing. What its arguments refer to must last until then.
struct use_coroutine_t {};
/// The token itself, as it is written in a call.
inline constexpr use_coroutine_t use_coroutine;

}  // namespace stackless

namespace detail {

template <class Wait, class Initiation, class... InitArgs>
class [[nodiscard("co_await it")]] asio_awaiter {
 public:
  using makes_task_wait = void;
  template <class I, class... Given>
  explicit asio_awaiter(I&& initiation, Given&&... args) : initiation_(std::forward<I>(initiation)), args_(std::forward<Given>(args)...) {}
  asio_awaiter(const asio_awaiter&) = delete;
  asio_awaiter& operator=(const asio_awaiter&) = delete;
  ~asio_awaiter() = default;

  [[nodiscard]] bool await_ready() {
    const bool blocks = runs_in_fiber();
    wait_.emplace();
    if (blocks) std::apply([this](auto&&... args) { wait_->run(std::move(initiation_), std::move(args)...); }, std::move(args_));
    return blocks;
  }
  [[nodiscard]] bool await_suspend(std::coroutine_handle<> self) {
    std::apply([this](auto&&... args) { wait_->initiate(std::move(initiation_), std::move(args)...); }, std::move(args_));
    suspended_ = wait_->suspend(self);
    return suspended_;
  }
  typename Wait::result_type await_resume() {
    if (suspended_) wait_->resume();
    return wait_->take();
  }

 private:
  Initiation initiation_;
  std::tuple<InitArgs...> args_;
  std::optional<Wait> wait_;
  bool suspended_ = false;
};

}  // namespace detail

}  // namespace nakh

namespace boost::asio {

template <class R, class... Args>
class async_result<nakh::use_fiber_t, R(Args...)> {
 public:
  using return_type = typename nakh::detail::asio_wait<std::decay_t<Args>...>::result_type;
  template <class Initiation, class... InitArgs>
  static return_type initiate(Initiation&& initiation, nakh::use_fiber_t /*token*/, InitArgs&&... args) {
    nakh::detail::asio_wait<std::decay_t<Args>...> wait;
    wait.run(std::forward<Initiation>(initiation), std::forward<InitArgs>(args)...);
    return wait.take();
  }
};

template <class Error, class R, class... Args>
class async_result<nakh::use_fiber_with_error<Error>, R(Args...)> {
 public:
  using return_type = typename nakh::detail::asio_wait<std::decay_t<Args>...>::result_type;
  template <class Initiation, class... InitArgs>
  static return_type initiate(Initiation&& initiation, nakh::use_fiber_with_error<Error> token, InitArgs&&... args) {
    nakh::detail::asio_wait<std::decay_t<Args>...> wait;
    wait.run(std::forward<Initiation>(initiation), std::forward<InitArgs>(args)...);
    return wait.take(*token.error);
  }
};

template <class R, class... Args>
class async_result<nakh::stackless::use_coroutine_t, R(Args...)> {
 public:
  template <class Initiation, class... InitArgs>
  static auto initiate(Initiation&& initiation, nakh::stackless::use_coroutine_t /*token*/, InitArgs&&... args) {
    return nakh::detail::asio_awaiter<nakh::detail::asio_wait<std::decay_t<Args>...>, std::decay_t<Initiation>, std::decay_t<InitArgs>...>(
        std::forward<Initiation>(initiation), std::forward<InitArgs>(args)...);
  }
};

}  // namespace boost::asio
