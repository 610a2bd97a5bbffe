// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>
#include <nakh/detail/wait_queue.hpp>
#include <nakh/exception_group.hpp>
#include <nakh/task.hpp>

#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace nakh {

namespace detail {

/// A member's place in its group, made before the member is.
struct group_place;
struct give_place_back {
  NAKH_API void operator()(group_place* place) const noexcept;
};
using owned_place = std::unique_ptr<group_place, give_place_back>;

/// The part of a task group that does not depend on types.
class NAKH_API group_core {
 public:
  /// @throws usage_error  outside a task.
  group_core();
  ~group_core();
  group_core(const group_core&) = delete;
  group_core& operator=(const group_core&) = delete;

  /// What `add` needs for one more. @throws usage_error, std::bad_alloc
  [[nodiscard]] owned_place make_room();
  void add(owned_place place, future_state& member) noexcept;
  /// Runs `body(closure)`, waits for the members, and throws what has to be thrown.
  void run(void (*body)(void*), void* closure);

  // The same step by step, for coroutines.
  /// In a handler, when an error has left the body.
  void note_error();
  /// The body has ended.
  void begin_end() noexcept;
  [[nodiscard]] bool must_wait() const noexcept;
  [[nodiscard]] wait_queue& line() const noexcept;
  /// A wait in line is over.
  void waited(wait_queue::ending how);
  /// Throws what has to be thrown.
  void end();

 private:
  friend group_place;
  struct impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace detail

/// Tasks that belong to a block of code: the block ends when all of them have, and when one fails the others are
/// cancelled.
///
/// It is only to be had inside the body given to `run`; pass it on by reference.
/// @par Thread safety  The loop's thread only.
/// @par Source         asyncio.TaskGroup (CPython 3.14). Differs: members are cancelled in the order of their creation.
class task_group {
 public:
  /// Runs `body(group)`, waits for every member, and returns what `body` does.
  ///
  /// When a member fails, the other members and the body are cancelled (T-tg-05, T-tg-06). When the body throws, the
  /// members are cancelled. A member that is cancelled is no failure (T-tg-04).
  /// @throws exception_group  with the errors of members, in the order in which they happened, then the body's.
  /// @throws cancelled_error  when the task was cancelled and no member failed.
  /// @throws fatal_error      bare, when the body or a member threw one.
  /// @throws usage_error      outside a task.
  /// @par Suspends  Until the last member has ended; not at all when there is none (T-tg-03).
  template <class Body>
    requires std::is_invocable_v<Body&&, task_group&>
  static std::invoke_result_t<Body&&, task_group&> run(Body&& body);

  task_group(const task_group&) = delete;
  task_group& operator=(const task_group&) = delete;

  /// `nakh::async` for a member of this group. May be called by members too (T-tg-02).
  /// @throws usage_error  when the group has ended (T-tg-13) or shuts down (T-tg-14); `f` is not called then.
  /// @throws stack_exhausted, std::invalid_argument, std::bad_alloc  as `nakh::async`
  template <class F>
    requires std::is_invocable_v<std::decay_t<F>&&>
  auto async(F&& f, source_location where = source_location::current()) {
    return add([&] { return nakh::async(std::forward<F>(f), where); });
  }
  template <class F, class A>
    requires std::is_invocable_v<std::decay_t<F>, std::decay_t<A>>
  auto async(F&& f, A&& a, source_location where = source_location::current()) {
    return add([&] { return nakh::async(std::forward<F>(f), std::forward<A>(a), where); });
  }
  template <class F, class A, class B, class... More>
    requires std::is_invocable_v<std::decay_t<F>, std::decay_t<A>, std::decay_t<B>, std::decay_t<More>...>
  auto async(F&& f, A&& a, B&& b, More&&... more) {
    return add([&] { return nakh::async(std::forward<F>(f), std::forward<A>(a), std::forward<B>(b), std::forward<More>(more)...); });
  }
  /// The same with options.
  template <class F, class... Args>
    requires std::is_invocable_v<std::decay_t<F>, std::decay_t<Args>...>
  auto async(task_options options, F&& f, Args&&... args) {
    return add([&] { return nakh::async(std::move(options), std::forward<F>(f), std::forward<Args>(args)...); });
  }

  /// For the library: makes one outside of `run`, for a coroutine.
  struct for_coroutine;

 private:
  task_group() = default;

  template <class Make>
  auto add(Make&& make) {
    auto place = core_.make_room();
    auto member = make();  // which may make members too, when it starts eagerly
    core_.add(std::move(place), member.state());
    return member;
  }

  detail::group_core core_;
};

template <class Body>
  requires std::is_invocable_v<Body&&, task_group&>
std::invoke_result_t<Body&&, task_group&> task_group::run(Body&& body) {
  using result = std::invoke_result_t<Body&&, task_group&>;
  task_group group;
  if constexpr (std::is_void_v<result>) {
    auto call = [&] { std::forward<Body>(body)(group); };
    group.core_.run([](void* c) { (*static_cast<decltype(call)*>(c))(); }, &call);
  } else if constexpr (std::is_reference_v<result>) {
    std::remove_reference_t<result>* value = nullptr;
    auto call = [&] {
      result r = std::forward<Body>(body)(group);
      value = std::addressof(r);
    };
    group.core_.run([](void* c) { (*static_cast<decltype(call)*>(c))(); }, &call);
    return static_cast<result>(*value);
  } else {
    std::optional<result> value;
    auto call = [&] { value.emplace(std::forward<Body>(body)(group)); };
    group.core_.run([](void* c) { (*static_cast<decltype(call)*>(c))(); }, &call);
    return std::move(*value);
  }
}

}  // namespace nakh
