// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>
#include <nakh/error.hpp>

#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace nakh {

class exception_group;

namespace detail {

/// @throws whatever `e` is, unless it is of one of these types: then true, else false.
template <class... E>
[[nodiscard]] bool is_one_of(const std::exception_ptr& e) noexcept {
  const auto is = [&e]<class T>(std::type_identity<T>) {
    try {
      std::rethrow_exception(e);
    } catch (const T&) {
      return true;
    } catch (...) {
      return false;
    }
  };
  return (is(std::type_identity<E>()) || ...);
}

}  // namespace detail

/// Errors that happened side by side: what a `task_group` throws. A group may hold groups.
///
/// Copies share their contents.
/// @par Thread safety  As `std::exception_ptr`: copies may be used in different threads.
/// @par Source         ExceptionGroup (CPython 3.14). Differs: there is one kind, which holds neither `cancelled_error` nor
///                     `fatal_error`; those leave a task group bare.
class NAKH_API exception_group : public std::exception {
 public:
  /// Of these errors, with a sentence that says what they have in common.
  /// @throws std::invalid_argument  when there are no errors, when one is null, a `cancelled_error` or a `fatal_error`.
  exception_group(std::string message, std::vector<std::exception_ptr> errors);

  /// The sentence that it was made with.
  [[nodiscard]] const std::string& message() const noexcept { return content_->message; }
  /// The errors and groups right in this one.
  [[nodiscard]] const std::vector<std::exception_ptr>& errors() const noexcept { return content_->errors; }
  /// The message, and the tree of errors, a line each.
  [[nodiscard]] const char* what() const noexcept override { return content_->tree.c_str(); }

  /// Says of an error whether it is one of those that are wanted.
  using predicate = std::function<bool(const std::exception_ptr&)>;
  /// What was chosen, and the rest; none for a part that would be empty.
  using parts = std::pair<std::optional<exception_group>, std::optional<exception_group>>;
  /// The errors for which `chosen` is true, and the rest: each with the nesting and the messages of this group, none when
  /// it would be empty. `chosen` is asked of errors, not of groups.
  [[nodiscard]] parts split(const predicate& chosen) const;
  /// The errors of these types, and the rest.
  template <class... E>
    requires(sizeof...(E) > 0)
  [[nodiscard]] parts split() const {
    return split(&detail::is_one_of<E...>);
  }
  /// As the first part of `split`.
  [[nodiscard]] std::optional<exception_group> subgroup(const predicate& chosen) const { return split(chosen).first; }
  template <class... E>
    requires(sizeof...(E) > 0)
  [[nodiscard]] std::optional<exception_group> subgroup() const {
    return split<E...>().first;
  }

  /// Calls `handler` with the errors of the types `E` in this group, as a group; the others are thrown again. When there
  /// are none of these types, `handler` is not called. What `handler` throws is thrown too, in a group with the others.
  ///
  /// ```
  /// try {
  ///   task_group::run(body);
  /// } catch (const exception_group& errors) {
  ///   errors.handle<timeout_error>([](const exception_group& late) { log(late.what()); });
  /// }
  /// ```
  /// @throws exception_group
  /// @par Source  `except*` (CPython 3.14, T-exg-01).
  template <class... E, class Handler>
    requires(sizeof...(E) > 0 && std::is_invocable_v<Handler &&, const exception_group&>)
  void handle(Handler&& handler) const;
  /// The same for any error: one that is no group is handled as a group of one (T-exg-03), and goes on as it was when its
  /// type is not among `E`.
  template <class... E, class Handler>
    requires(sizeof...(E) > 0 && std::is_invocable_v<Handler &&, const exception_group&>)
  static void handle(const std::exception_ptr& error, Handler&& handler);

 private:
  struct content {
    std::string message;
    std::vector<std::exception_ptr> errors;
    std::string tree;
  };
  std::shared_ptr<const content> content_;
};

namespace detail {

/// `error` as a group: itself when it is one, else a group that holds it (T-exg-03).
[[nodiscard]] NAKH_API exception_group as_group(const std::exception_ptr& error);
/// Throws what is left after a handler was called: `raised`, which it threw, `rest`, which it was not asked about.
NAKH_API void throw_rest(const std::exception_ptr& raised, const std::optional<exception_group>& rest);

}  // namespace detail

template <class... E, class Handler>
  requires(sizeof...(E) > 0 && std::is_invocable_v<Handler &&, const exception_group&>)
void exception_group::handle(Handler&& handler) const {
  const auto [matching, rest] = split<E...>();
  std::exception_ptr raised;
  if (matching) {
    try {
      std::forward<Handler>(handler)(*matching);
    } catch (const cancelled_error&) {
      throw;
    } catch (const fatal_error&) {
      throw;
    } catch (...) {
      raised = std::current_exception();
    }
  }
  detail::throw_rest(raised, rest);
}

template <class... E, class Handler>
  requires(sizeof...(E) > 0 && std::is_invocable_v<Handler &&, const exception_group&>)
void exception_group::handle(const std::exception_ptr& error, Handler&& handler) {
  if (!detail::is_one_of<exception_group, E...>(error)) std::rethrow_exception(error);
  detail::as_group(error).handle<E...>(std::forward<Handler>(handler));
}

}  // namespace nakh
