// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>
#include <nakh/stackless/line.hpp>
#include <nakh/stackless/task.hpp>
#include <nakh/task_group.hpp>

#include <optional>
#include <type_traits>
#include <utility>

/// @file
/// `nakh/task_group.hpp` for coroutines.
/// @par Thread safety  The loop's thread only.
namespace nakh {

/// For the library.
struct task_group::for_coroutine {
  task_group group;
  [[nodiscard]] detail::group_core& core() noexcept { return group.core_; }
};

namespace stackless {

/// Tasks that belong to a block of code, as `nakh::task_group`.
struct task_group {
  /// Runs `body(group)`, a coroutine that gets a `nakh::task_group&`, waits for every member, and returns what the body does.
  /// Members are functions and coroutines: `group.async(coroutine())`.
  /// @throws exception_group, cancelled_error, fatal_error, usage_error  as `nakh::task_group::run`
  template <class Body, class Coroutine = std::invoke_result_t<Body&, nakh::task_group&>>
  [[nodiscard]] static task<typename Coroutine::value_type> run(Body body) {
    using result = typename Coroutine::value_type;
    nakh::task_group::for_coroutine own;
    detail::group_core& core = own.core();
    [[maybe_unused]] detail::room_for<result> value;
    try {
      if constexpr (std::is_void_v<result>) {
        co_await body(own.group);
      } else if constexpr (std::is_reference_v<result>) {
        value.emplace(&(co_await body(own.group)));
      } else {
        value.emplace(co_await body(own.group));
      }
    } catch (...) {
      core.note_error();
    }
    core.begin_end();
    while (core.must_wait()) core.waited(co_await detail::bare_line_awaiter(core.line()));
    core.end();
    if constexpr (!std::is_void_v<result>) co_return detail::take_value<result>(value);
  }
};

}  // namespace stackless

}  // namespace nakh
