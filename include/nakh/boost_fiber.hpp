// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/detail/neighbour.hpp>
#include <nakh/run.hpp>
#include <nakh/source_location.hpp>
#include <nakh/task.hpp>

#include <boost/fiber/algo/algorithm.hpp>
#include <boost/fiber/fiber.hpp>
#include <boost/fiber/future/future.hpp>

#include <type_traits>
#include <utility>

/// @file
/// Boost.Fiber's fibers on nakh's loop: the library `nakh::boost_fiber`.
///
/// Where a `scope` is, this thread's boost fibers and the loop's tasks take turns in one queue, in one order. Each boost fiber is a
/// task as well: whatever waits, sleeps or times out in nakh does so in a boost fiber too, and Boost's own mutexes, condition
/// variables, channels and futures go on to work among boost fibers. With nothing to do the thread sleeps.
/// @par Thread safety  The loop's thread only.
namespace nakh::boost_fiber {

namespace detail {

/// @throws usage_error  without a scope
[[nodiscard]] NAKH_API nakh::detail::loop_core& loop_with_scope();
/// Runs the task's body in a boost fiber of its own.
NAKH_API void start(nakh::detail::future_state& task);
/// Suspends the current task until the boost fiber, or the task, has ended; a cancellation ends the wait only. Then nobody wants to
/// know the task's error any more.
NAKH_API void wait_for_end(boost::fibers::fiber& f);
NAKH_API void wait_for_end(nakh::detail::future_state& task);
/// @throws usage_error  without a scope
[[nodiscard]] NAKH_API bool runs_in_boost_fiber();
}  // namespace detail

/// While it lives, this thread's boost fibers run on the running loop, those that exist already included. A boost fiber has
/// Boost's own stack and, from the moment when it first becomes ready, a task: `current_task`, `all_tasks`, cancellation, context
/// variables.
///
/// A boost fiber that is cancelled gets `cancelled_error` where it waits for something of nakh's, and only there. A function given to
/// a `boost::fibers::fiber` must not let it out, as it must let no exception out; one given to `boost_fiber::async` may.
///
/// What of Boost's would block (`mutex::lock`, `future::get`, `fiber::join`, `this_fiber::yield`, ...) is for boost fibers. A task that
/// is none, or a callback, would stop the whole loop by it: the program ends with a message. It may call what does not block:
/// `unlock`, `notify_one`, `set_value`, and start boost fibers.
/// @par Source  boost::fibers::use_scheduling_algorithm (Boost 1.81).
class NAKH_API scope {
 public:
  /// From now on, and with the boost fibers that exist already.
  /// @throws usage_error  outside a task, in a boost fiber, or when there is a scope in this thread.
  scope();
  /// Suspends the task until every boost fiber that has run here has ended; then Boost's round robin is what runs the rest. A
  /// cancellation meanwhile is delivered afterwards.
  ~scope();
  scope(const scope&) = delete;
  scope& operator=(const scope&) = delete;

 private:
  boost::intrusive_ptr<boost::fibers::algo::algorithm> own_;
};

/// Runs `f` in a boost fiber, as a task: what it returns or throws is the task's, and cancelling the task cancels it.
/// @throws usage_error  without a scope.
/// @par Suspends  Never.
template <class F>
  requires std::is_invocable_v<std::decay_t<F>&&>
[[nodiscard("keep the handle: without it the task's error is only reported")]] task<nakh::detail::task_result<F>> async(
    F&& f, source_location where = source_location::current()) {
  using result = nakh::detail::task_result<F>;
  using block = nakh::detail::task_block<result, std::decay_t<F>>;
  const nakh::detail::task_settings settings{.where = where};
  auto owned =
      nakh::detail::ref<nakh::detail::result_state<result>>::adopt(new block(detail::loop_with_scope(), std::forward<F>(f), settings));
  detail::start(*owned);
  return task<result>(std::move(owned));
}

/// `nakh::run` of a boost fiber: an existing program's `main`, with its joins and waits, becomes `f`. Returns when that and every
/// other boost fiber has ended.
/// @throws whatever f throws
template <class F>
  requires std::is_invocable_v<std::decay_t<F>&&>
nakh::detail::task_result<F> run(run_options options, F&& f, source_location where = source_location::current()) {
  return nakh::run(
      std::move(options),
      [&f, where]() -> nakh::detail::task_result<F> {
        const scope here;
        auto main = boost_fiber::async(std::forward<F>(f), where);
        main.share()->mark_retrieved();  // its error leaves the run, in one way or another
        return std::move(main).await();
      },
      where);
}
template <class F>
  requires std::is_invocable_v<std::decay_t<F>&&>
nakh::detail::task_result<F> run(F&& f, source_location where = source_location::current()) {
  return boost_fiber::run(run_options{}, std::forward<F>(f), where);
}

/// Waits until the boost fiber has ended, and joins it; in any task. The fiber must have become ready in the scope.
///
/// A cancellation ends the wait, and not the fiber: it stays joinable.
/// @throws cancelled_error
/// @throws usage_error  without a scope.
inline void join(boost::fibers::fiber& f) {
  if (!detail::runs_in_boost_fiber()) detail::wait_for_end(f);
  f.join();
}

/// The result of a boost future; in any task. A cancellation gives the future up.
/// @throws cancelled_error
/// @throws usage_error  without a scope.
/// @throws whatever the future holds
template <class T>
T await(boost::fibers::future<T> f) {
  if (detail::runs_in_boost_fiber()) return f.get();
  // A boost fiber can wait for it. It owns the future: should this task be cancelled, it stays behind until the future is done.
  auto getter = boost_fiber::async([f = std::move(f)]() mutable -> T { return f.get(); });
  detail::wait_for_end(*getter.share());
  return std::move(getter).await();
}

}  // namespace nakh::boost_fiber
