// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>
#include <nakh/outcome.hpp>
#include <nakh/task.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <ranges>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace nakh {

/// As first argument of `gather`: errors are collected like results instead of ending it.
struct return_exceptions_t {};
/// The one value of its type.
inline constexpr return_exceptions_t return_exceptions{};

namespace detail {

/// The part of a gather that does not depend on its types.
class NAKH_API gather_core {
 public:
  /// `release_children` drops the outer state's references to its children.
  gather_core(future_state& outer, std::size_t children, bool return_errors, void (*release_children)(future_state&) noexcept);
  ~gather_core();
  gather_core(const gather_core&) = delete;
  gather_core& operator=(const gather_core&) = delete;

  /// The next child, in order: is waited for from now on. @throws std::invalid_argument  when it is of another loop.
  void add(future_state& child);
  /// All were added: those that were done before are counted.
  void start() noexcept;
  bool cancel(const cancel_reason& reason) noexcept;
  void for_each_child(future_visitor& visit) const;

 private:
  struct child : done_hook {
    child() noexcept;
    static const completion_kind told;
    void hold() noexcept {
      is_held = true;
      state->add_ref();
    }
    gather_core* owner = nullptr;
    future_state* state = nullptr;
    bool succeeded = false;
    bool is_held = false;  ///< A reference of its own keeps `state`, until the hook has run.
  };
  void child_done(child& c) noexcept;
  void settle(const child& c) noexcept;
  void let_go(std::size_t others) noexcept;
  void one_less() noexcept;

  future_state& outer_;
  std::unique_ptr<child[]> children_;
  std::size_t total_;
  std::size_t added_ = 0;
  std::size_t finished_ = 0;
  std::size_t done_before_ = 0;  ///< Of the added ones.
  bool return_errors_;
  bool cancel_requested_ = false;
  bool holds_itself_ = false;  ///< Lives on until the last child was heard of.
  void (*release_children_)(future_state&) noexcept;
};

template <class R, class Children>
class gather_state final : public result_state<R> {
 public:
  gather_state(loop_core& loop, Children children, std::size_t count, bool return_errors)
      : result_state<R>(loop), children_(std::move(children)), core_(*this, count, return_errors, &release_children) {
    children_.for_each([this](future_state& c) { core_.add(c); });
    core_.start();
  }
  bool cancel(const cancel_reason& reason) noexcept override { return core_.cancel(reason); }
  [[nodiscard]] const char* kind() const noexcept override { return "gather"; }
  void for_each_awaited(future_visitor& visit) override { core_.for_each_child(visit); }

 protected:
  R take(bool last) override { return children_.results(last); }

 private:
  static void release_children(future_state& self) noexcept { static_cast<gather_state&>(self).children_.release(); }
  Children children_;
  gather_core core_;
};

// What stands in the result for a child's T.
template <class T>
using gathered = std::conditional_t<std::is_void_v<T>, std::monostate, T>;
template <class T>
using gathered_element = std::conditional_t<std::is_reference_v<T>, std::reference_wrapper<std::remove_reference_t<T>>, T>;

template <class T>
gathered<T> result_of(result_state<T>& child, bool last) {
  if constexpr (std::is_void_v<T>) {
    child.result(last);
    return {};
  } else {
    return child.result(last && child.is_sole());
  }
}
template <class T>
outcome<T> outcome_of(result_state<T>& child, bool last) {
  if (child.status() == future_status::cancelled) return std::make_exception_ptr(cancelled_error(child.reason()));
  if (child.failed()) return child.peek_error();
  if constexpr (std::is_void_v<T>) {
    return outcome<T>(std::monostate{});
  } else if constexpr (std::is_reference_v<T>) {
    return outcome<T>(std::addressof(child.result(last)));
  } else {
    return outcome<T>(child.result(last && child.is_sole()));
  }
}

template <bool ReturnErrors, class... T>
struct tuple_children {
  std::tuple<ref<result_state<T>>...> states;

  template <class F>
  void for_each(F&& f) {
    std::apply([&f](auto&... s) { (f(*s), ...); }, states);
  }
  auto results(bool last) {
    return std::apply(
        [last](auto&... s) {
          if constexpr (ReturnErrors) {
            return std::tuple<outcome<T>...>{outcome_of<T>(*s, last)...};
          } else {
            return std::tuple<gathered<T>...>{result_of<T>(*s, last)...};
          }
        },
        states);
  }
  void release() noexcept { states = {}; }
};

template <bool ReturnErrors, class T>
struct vector_children {
  std::vector<ref<result_state<T>>> states;

  template <class F>
  void for_each(F&& f) {
    for (auto& s : states) f(*s);
  }
  auto results(bool last) {
    if constexpr (ReturnErrors) {
      std::vector<outcome<T>> all;
      all.reserve(states.size());
      for (auto& s : states) all.push_back(outcome_of<T>(*s, last));
      return all;
    } else if constexpr (std::is_void_v<T>) {
      for (auto& s : states) s->result(last);
    } else {
      std::vector<gathered_element<T>> all;
      all.reserve(states.size());
      for (auto& s : states) all.push_back(result_of<T>(*s, last));
      return all;
    }
  }
  void release() noexcept { states.clear(); }
};

// A task, future or callable as the future that gather waits for.
template <class T>
ref<result_state<T>> as_child(const future<T>& f) {
  return f.share();
}
template <class F>
  requires std::is_invocable_v<std::decay_t<F>&&>
ref<result_state<task_result<F>>> as_child(F&& f) {
  return make_task(running_loop_core(), task_settings{}, std::forward<F>(f));
}
template <class X>
using child_type = decltype(as_child(std::declval<X>()));
template <class S>
struct child_value;
template <class T>
struct child_value<ref<result_state<T>>> {
  using type = T;
};
template <class X>
using value_of = typename child_value<child_type<X>>::type;

template <class X>
concept gatherable = requires(X&& x) { as_child(std::forward<X>(x)); };

template <class R, class Children>
future<R> make_gather(loop_core& loop, Children children, std::size_t count, bool return_errors) {
  return future<R>(ref<result_state<R>>::adopt(new gather_state<R, Children>(loop, std::move(children), count, return_errors)));
}

template <bool ReturnErrors, class... X>
auto gather_tuple(X&&... x) {
  using children = tuple_children<ReturnErrors, value_of<X>...>;
  using result = decltype(std::declval<children&>().results(true));
  // In braces: tasks are made from left to right.
  children all{std::tuple<child_type<X>...>{as_child(std::forward<X>(x))...}};
  loop_core* loop = nullptr;
  all.for_each([&loop](future_state& s) {
    if (loop == nullptr) loop = &s.loop();
  });
  return make_gather<result>(loop != nullptr ? *loop : running_loop_core(), std::move(all), sizeof...(X), ReturnErrors);
}

template <bool ReturnErrors, class Range>
auto gather_range(Range&& range) {
  using value = value_of<std::ranges::range_reference_t<Range>>;
  using children = vector_children<ReturnErrors, value>;
  using result = decltype(std::declval<children&>().results(true));
  children all;
  if constexpr (std::ranges::sized_range<Range>) all.states.reserve(std::ranges::size(range));
  for (auto&& x : range) all.states.push_back(as_child(std::forward<decltype(x)>(x)));
  loop_core& loop = all.states.empty() ? running_loop_core() : all.states.front()->loop();
  const std::size_t count = all.states.size();
  return make_gather<result>(loop, std::move(all), count, ReturnErrors);
}

template <class R>
concept gatherable_range = std::ranges::input_range<R> && gatherable<std::ranges::range_reference_t<R>>;

}  // namespace detail

/// As `gather`, but returns the future instead of waiting for it: to cancel it, to shield it, to put it into another.
/// @par Suspends  Never.
/// @par Thread safety  The loop's thread only.
template <class... X>
  requires(detail::gatherable<X> && ...)
[[nodiscard("await it")]] auto gather_future(X&&... x) {
  return detail::gather_tuple<false>(std::forward<X>(x)...);
}
template <class... X>
  requires(detail::gatherable<X> && ...)
[[nodiscard("await it")]] auto gather_future(return_exceptions_t, X&&... x) {
  return detail::gather_tuple<true>(std::forward<X>(x)...);
}
template <detail::gatherable_range Range>
[[nodiscard("await it")]] auto gather_future(Range&& range) {
  return detail::gather_range<false>(std::forward<Range>(range));
}
template <detail::gatherable_range Range>
[[nodiscard("await it")]] auto gather_future(return_exceptions_t, Range&& range) {
  return detail::gather_range<true>(std::forward<Range>(range));
}

/// Waits for several jobs at the same time and returns their results, in the order of the arguments.
///
/// Arguments are tasks, futures and functions (each of which becomes a task), listed or in a range. Listed ones give a
/// `std::tuple` (`std::monostate` for void), a range gives a `std::vector` (nothing for void; a
/// `std::reference_wrapper` for a reference).
///
/// The first error is thrown at once; the other jobs are NOT cancelled and run on, and their later errors are dropped
/// (T-gather-05 to -07). With `return_exceptions` first, all are waited for, and each result is an `outcome`.
/// When the current task is cancelled, every unfinished job is (T-gather-11).
/// @throws cancelled_error        when the current task or one of the jobs was cancelled.
/// @throws std::invalid_argument  when they belong to different loops.
/// @throws usage_error            outside a task.
/// @throws whatever a job throws
/// @par Suspends       Unless all are done already.
/// @par Thread safety  The loop's thread only.
/// @par Complexity     O(jobs); two blocks of memory, and one for each function.
/// @par Source         asyncio.gather (CPython 3.14).
/// @snippet 05-gather/stackful.cpp main
template <class... X>
  requires(sizeof...(X) == 0 || requires { gather_future(std::declval<X>()...); })
auto gather(X&&... x) {
  return gather_future(std::forward<X>(x)...).await();
}

}  // namespace nakh
