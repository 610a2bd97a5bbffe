// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>
#include <nakh/detail/variables.hpp>
#include <nakh/error.hpp>

#include <concepts>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

namespace nakh {

template <class T>
class context_var;

/// The values that context variables have for a piece of work: a handle, copies refer to the same context.
///
/// Each task has one, a copy of its creator's at that moment; each callback has a copy of the one in which it was scheduled;
/// outside of both each thread has its own. To copy one takes no longer when it holds more.
/// @par Thread safety  Copies may go to other threads; a context that two threads use at the same time must not be changed.
/// @par Source         contextvars.Context (CPython 3.14).
class NAKH_API context {
 public:
  /// One in which no variable is set.
  context() : box_(detail::ref<detail::variable_box>::adopt(new detail::variable_box)) {}

  /// A context with the same values, which goes its own way from now on. O(1)
  [[nodiscard]] context copy() const { return context(detail::ref<detail::variable_box>::adopt(new detail::variable_box(box_->map))); }

  /// Calls `f` in this context: what it sets stays here. `f` may suspend. Returns what `f` does.
  /// @par Source  Context.run. Differs: a context may be entered again while it is in use.
  template <std::invocable F>
  std::invoke_result_t<F&&> run(F&& f) const {
    const detail::variables_in_force own{detail::variable_slot(box_)};
    return std::forward<F>(f)();
  }

  /// The variable is set here; its default does not count.
  template <class T>
  [[nodiscard]] bool contains(const context_var<T>& variable) const noexcept {
    return box_->map && box_->map->find(variable.id()) != nullptr;
  }
  /// How many variables are set here.
  [[nodiscard]] std::size_t size() const noexcept { return box_->map ? box_->map->entries.size() : 0; }

  /// The same context, not only equal values.
  friend bool operator==(const context&, const context&) noexcept = default;

  /// For the library.
  explicit context(detail::ref<detail::variable_box> box) noexcept : box_(std::move(box)) {}
  /// For the library.
  [[nodiscard]] const detail::ref<detail::variable_box>& box() const noexcept { return box_; }

 private:
  detail::ref<detail::variable_box> box_;
};

/// A copy of the current context: of the current task, the callback that runs, or this thread. O(1)
/// @par Thread safety  Any thread; of its own context.
/// @par Source         contextvars.copy_context (CPython 3.14).
[[nodiscard]] NAKH_API context copy_context();

/// A variable that has a value for each task: what a task sets, its creator and its siblings do not see, and the tasks that it
/// makes afterwards do.
///
/// Make it a global; give it a lasting name. T is copied out by `get`: hold what is large by a `std::shared_ptr`.
/// @par Thread safety  As any const object: all members may be called in several threads.
/// @par Source         contextvars.ContextVar (CPython 3.14).
template <class T>
class context_var {
 public:
  /// How `set` is taken back. Holds the value that the variable had.
  class token {
   public:
    token(token&&) noexcept = default;
    token& operator=(token&&) noexcept = default;
    /// What the variable was set to before; none when it was not set.
    [[nodiscard]] std::optional<T> old_value() const { return former_ ? std::optional<T>(value_in(*former_)) : std::nullopt; }

   private:
    friend context_var;
    token(detail::variable_id id, detail::ref<detail::variable_box> box) noexcept : id_(id), box_(std::move(box)) {}

    detail::variable_id id_;
    detail::ref<detail::variable_box> box_;  ///< Where it was set; null once used.
    detail::ref<detail::variable_value> former_;
  };

  /// Sets a variable while it lives, and then gives it back what it had; a lack of memory for that ends the program.
  class [[nodiscard("the variable has the value as long as this object lives")]] scope {
   public:
    /// Sets `variable` to `value` in the current context.
    scope(const context_var& variable, T value) : variable_(variable), before_(variable.set(std::move(value))) {}
    ~scope() { variable_.restore(before_); }
    scope(const scope&) = delete;
    scope& operator=(const scope&) = delete;

   private:
    const context_var& variable_;
    token before_;
  };

  /// `name` is for messages.
  explicit context_var(std::string name) : name_(std::move(name)) {}
  /// The same, with the value that it has where it was not set.
  context_var(std::string name, T default_value) : name_(std::move(name)), default_(std::move(default_value)) {}
  context_var(const context_var&) = delete;
  context_var& operator=(const context_var&) = delete;

  /// Its value in the current context, else its default.
  /// @throws lookup_error  when it has neither.
  /// @par Complexity  O(log variables that are set), and a copy of T.
  [[nodiscard]] T get() const {
    if (const auto found = current()) return value_in(*found);
    if (default_) return *default_;
    throw lookup_error("nakh: context variable '" + name_ + "' is not set and has no default; set it, or call get with a fallback");
  }
  /// Its value in the current context, else `fallback`, whatever its default (T-ctx: ContextVar.get with a default).
  [[nodiscard]] T get(T fallback) const {
    if (const auto found = current()) return value_in(*found);
    return fallback;
  }
  /// Its value in `where`; none when it is not set there.
  [[nodiscard]] std::optional<T> get(const context& where) const {
    detail::variable_value* const found = where.box()->map ? where.box()->map->find(id_) : nullptr;
    return found != nullptr ? std::optional<T>(value_in(*found)) : std::nullopt;
  }

  /// Gives it a value in the current context. The token takes that back; it may be dropped.
  /// @throws std::bad_alloc  nothing has changed then.
  /// @par Complexity  O(variables that are set) when the context's values are shared, else O(log of it).
  token set(T value) const {
    auto own = detail::ref<detail::variable_value>::adopt(new detail::variable_value_of<T>(std::move(value)));
    detail::variable_box& box = detail::current_variables().box();
    token before(id_, detail::ref<detail::variable_box>::share(&box));
    before.former_ = box.exchange(id_, std::move(own));
    return before;
  }
  /// Gives it back the value that it had before the `set` that returned `before`.
  /// @throws usage_error            when the token was used before.
  /// @throws std::invalid_argument  when it is another variable's, or was made in another context.
  void reset(token& before) const {
    if (!before.box_) throw usage_error("nakh: the token of context variable '" + name_ + "' was used before; each takes one set back");
    if (before.id_ != id_) throw std::invalid_argument("nakh: the token is of another context variable than '" + name_ + "'");
    if (before.box_.get() != &detail::current_variables().box()) {
      throw std::invalid_argument("nakh: the token of context variable '" + name_ + "' was made in another context; reset it there");
    }
    restore(before);
  }
  void reset(token&& before) const { reset(before); }

  /// The name that it was made with.
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  /// For the library.
  [[nodiscard]] detail::variable_id id() const noexcept { return id_; }

 private:
  using holder = detail::variable_value_of<T>;
  static const T& value_in(detail::variable_value& v) noexcept { return static_cast<holder&>(v).value; }
  // Counted: T's copy constructor may set the variable.
  [[nodiscard]] detail::ref<detail::variable_value> current() const noexcept {
    detail::variable_map* const map = detail::current_variables().map();
    return detail::ref<detail::variable_value>::share(map != nullptr ? map->find(id_) : nullptr);
  }
  // Allocates when the values are shared by now.
  static void restore(token& before) {
    const auto box = std::move(before.box_);
    box->exchange(before.id_, std::move(before.former_));
  }

  detail::variable_id id_ = detail::next_variable_id();
  std::string name_;
  std::optional<T> default_;
};

}  // namespace nakh
