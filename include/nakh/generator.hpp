// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>
#include <nakh/error.hpp>
#include <nakh/source_location.hpp>

#include <concepts>
#include <cstddef>
#include <exception>
#include <iterator>
#include <memory>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

namespace nakh {

/// Thrown at the yield of a generator that is closed, so that its body unwinds.
///
/// It is deliberately not a `std::exception`, as `cancelled_error` is none. Catch it to clean up, then rethrow it (`throw;`); a
/// body that returns instead has been closed as well.
/// @par Source  GeneratorExit, which is not an Exception either (CPython 3.14).
class NAKH_API generator_exit{};

/// Settings of one generator.
struct generator_options {
  std::size_t stack_size = 0;                          ///< Usable bytes, at least 4096; 0: the loop's `loop_options::stack_size`.
  source_location where = source_location::current();  ///< For reports: where the generator was created.
};

namespace detail {

template <class Input>
using sent_to_generator = std::conditional_t<std::is_void_v<Input>, std::monostate, Input>;

/// What `next` gives: the item, or nothing when the body has ended. For a reference a pointer, null then.
template <class T>
using generator_item = std::conditional_t<std::is_reference_v<T>, std::remove_reference_t<T>*, std::optional<std::remove_cvref_t<T>>>;
/// From where the item is; null: nowhere.
template <class T>
generator_item<T> taken_item(void* place) {
  if constexpr (std::is_reference_v<T>) {
    return static_cast<generator_item<T>>(place);
  } else {
    if (place == nullptr) return std::nullopt;
    return generator_item<T>(std::in_place, std::move(*static_cast<T*>(place)));
  }
}

/// What a yield gives back.
template <class Input>
using received_by_generator = std::conditional_t<std::is_void_v<Input>, void, std::optional<sent_to_generator<Input>>>;
template <class Input>
received_by_generator<Input> received_value([[maybe_unused]] void* sent) {
  if constexpr (!std::is_void_v<Input>) {
    if (sent == nullptr) return std::nullopt;
    return std::move(*static_cast<Input*>(sent));
  }
}

/// The library's part of a generator; the body's closure stands behind it in the same block.
struct generator_core;

/// What the library must know of a generator's body.
struct generator_body {
  void (*run)(void* closure, generator_core&);  ///< Runs it, and destroys the closure.
  void (*discard)(void* closure) noexcept;      ///< Destroys the closure of a body that never ran.
};

/// The block, with room for a closure of that size, which is still to be made. @throws std::bad_alloc, std::invalid_argument
[[nodiscard]] NAKH_API generator_core* allocate_generator(std::size_t closure_size, const generator_body& body,
                                                          const generator_options& options);
/// Of a block whose closure was not made.
NAKH_API void free_generator(generator_core& g) noexcept;
[[nodiscard]] NAKH_API void* closure_of(generator_core& g) noexcept;
/// The owner goes: closes it, or lets its loop do that.
NAKH_API void drop_generator(generator_core& g) noexcept;

// Each runs the body up to its next yield and returns where the item is, or null when the body has ended.
NAKH_API void* resume_generator(generator_core& g);
NAKH_API void* send_to_generator(generator_core& g, void* value);
NAKH_API void* throw_into_generator(generator_core& g, std::exception_ptr error);
NAKH_API void close_generator(generator_core& g);
/// The other side: hands the item over, and returns what was sent, or null.
NAKH_API void* yield_from_generator(generator_core& g, void* item);

}  // namespace detail

/// What the body of a `generator<T, Input>` is called with; to call it is to yield.
///
/// It belongs to the body, on the generator's own stack: functions that the body calls may use it, other tasks may not.
/// @par Thread safety  The loop's thread only.
template <class T, class Input = void>
class yielder {
 public:
  /// What a yield gives back: nothing at all without an `Input`, else an optional of it.
  using received = detail::received_by_generator<Input>;

  /// For the library.
  explicit yielder(detail::generator_core& g) noexcept : core_(g) {}
  yielder(const yielder&) = delete;
  yielder& operator=(const yielder&) = delete;

  /// Hands `item` to whoever asked for it, and goes on when the next one is asked for. With an `Input`, returns what came by
  /// `send`; nothing when it was `next` (T-agen-03).
  /// @throws generator_exit               when the generator is closed.
  /// @throws whatever throw_into was given
  /// @throws usage_error                  anywhere else than in the generator's own body.
  /// @par Complexity  O(1), no allocation: `item` stays where it is until it is moved out on the other side.
  received operator()(T&& item) const
    requires(!std::is_reference_v<T>)
  {
    return hand_over(std::addressof(item));
  }
  /// The same with a copy, or what else makes a T.
  template <class U>
    requires(!std::is_reference_v<T> && std::constructible_from<T, U> && !std::same_as<U, T>)
  received operator()(U&& item) const {
    T made(std::forward<U>(item));
    return hand_over(std::addressof(made));
  }
  /// The same with the object that a reference is to.
  received operator()(T item) const
    requires std::is_lvalue_reference_v<T>
  {
    return hand_over(const_cast<std::remove_cvref_t<T>*>(std::addressof(item)));
  }

 private:
  received hand_over(void* item) const { return detail::received_value<Input>(detail::yield_from_generator(core_, item)); }
  detail::generator_core& core_;
};

/// Items that a function makes one at a time, whenever the next one is asked for. Both sides are ordinary code that may wait.
///
/// The body is anything that can be called with a `yielder<T, Input>&`; by convention that parameter is named `yield`. It gets
/// a stack of its own when the first item is asked for, and gives it back when it ends, but it runs as the task that asks:
/// `current_task` is that task, what it awaits suspends it, and a cancellation of it is delivered in the body when that is where
/// it waits (T-agen-08). The next item may be asked for by another task, though only by one at a time.
///
/// What the body throws comes out where the item was asked for, and the generator has ended then (T-agen-09). Leaving a loop
/// over it early leaves it suspended, and it can be continued (T-agen-02). A handle that goes closes it: at once in a task of its
/// loop, otherwise by a task that the loop makes (T-agen-11); errors of that go to the loop's exception handler. What is
/// still open when its loop ends is closed there (T-agen-06).
///
/// T may be move-only, or an lvalue reference. `generator<T>()` has ended before it began.
/// @par Thread safety  The loop's thread only.
/// @par Source         Python's asynchronous generators (CPython 3.14), with asyncio's care for those that are left.
/// @snippet 07-generator/stackful.cpp main
template <class T, class Input = void>
class [[nodiscard("a generator does nothing until an item is asked for")]] generator {
  static_assert(std::is_lvalue_reference_v<T> || (std::is_object_v<T> && !std::is_const_v<T>),
                "an item is an object that may be moved from, or an lvalue reference");
  static_assert(std::is_void_v<Input> || std::is_object_v<Input>, "what is sent is an object");

 public:
  using value_type = std::remove_cvref_t<T>;
  /// What `next` returns: the item, or nothing when the body has ended. For a reference a pointer, null then.
  using item = detail::generator_item<T>;

  /// Has ended.
  generator() noexcept = default;
  /// Its body is `body`, which is moved or copied into it, and destroyed when it has run.
  /// @throws std::bad_alloc
  template <class F>
    requires(!std::same_as<std::remove_cvref_t<F>, generator> && std::invocable<std::decay_t<F>&, yielder<T, Input>&>)
  generator(F&& body, source_location where = source_location::current())  // NOLINT(google-explicit-constructor)
      : generator(generator_options{.where = where}, std::forward<F>(body)) {}
  /// The same with options.
  /// @throws std::bad_alloc
  /// @throws std::invalid_argument  for a stack size that cannot be.
  template <class F>
    requires std::invocable<std::decay_t<F>&, yielder<T, Input>&>
  generator(const generator_options& options, F&& body) {
    using closure = std::decay_t<F>;
    static_assert(alignof(closure) <= alignof(std::max_align_t), "the body's closure is aligned as ordinary objects are");
    core_ = detail::allocate_generator(sizeof(closure), body_of<closure>, options);
    try {
      ::new (detail::closure_of(*core_)) closure(std::forward<F>(body));
    } catch (...) {
      detail::free_generator(*core_);
      throw;
    }
  }
  generator(generator&& other) noexcept : core_(std::exchange(other.core_, nullptr)) {}
  /// What was here before goes as by the destructor.
  generator& operator=(generator&& other) noexcept {
    generator taken(std::move(other));
    std::swap(core_, taken.core_);
    return *this;
  }
  /// Closes it. May wait for its cleanup, also during exception unwinding; a cancellation that ends the cleanup is delivered
  /// again at the task's next suspension.
  ~generator() {
    if (core_ != nullptr) detail::drop_generator(*core_);
  }

  /// Runs the body up to its next yield. Nothing comes any more once it has ended.
  /// @throws whatever the body throws, `cancelled_error` among it, when the task is cancelled while the body waits.
  /// @throws usage_error      outside a task; in a task of another loop than its first; while it runs already, in another
  ///                          task or further out in this one.
  /// @throws stack_exhausted  at the first step, when no stack can be had; it may be tried again.
  /// @par Suspends    Only where the body does.
  /// @par Complexity  O(1), no allocation; two jumps.
  /// @par Source      anext (CPython 3.14). Differs: the end is no error.
  [[nodiscard("the item is gone from the generator")]] item next() {
    return detail::taken_item<T>(core_ == nullptr ? nullptr : detail::resume_generator(*core_));
  }
  /// As `next`; the yield at which the body is suspended returns `value` (T-agen-03). Once it has ended, `value` is dropped.
  /// @throws usage_error  also when the body has not begun: it is at no yield that could return the value.
  /// @par Source  agen.asend (CPython 3.14).
  item send(detail::sent_to_generator<Input> value)
    requires(!std::is_void_v<Input>)
  {
    return detail::taken_item<T>(core_ == nullptr ? nullptr : detail::send_to_generator(*core_, std::addressof(value)));
  }
  /// As `next`; the yield at which the body is suspended throws `error` (T-agen-04). When it has not begun, it has ended by that
  /// and `error` comes out at once. Once it has ended, `error` is dropped.
  /// @throws std::invalid_argument  for a null pointer.
  /// @par Source  agen.athrow (CPython 3.14).
  item throw_into(std::exception_ptr error) {
    return detail::taken_item<T>(core_ == nullptr ? nullptr : detail::throw_into_generator(*core_, std::move(error)));
  }
  template <class Error>
    requires(!std::same_as<std::remove_cvref_t<Error>, std::exception_ptr>)
  item throw_into(Error&& error) {
    return throw_into(std::make_exception_ptr(std::forward<Error>(error)));
  }

  /// Ends it: the yield at which the body is suspended throws `generator_exit`, and this waits until the body has ended. What
  /// has not begun never runs (T-agen-05). Closing again does nothing (T-agen-01).
  /// @throws whatever the body throws instead
  /// @throws usage_error  as `next`; when the body yields again instead of ending, and is suspended there then.
  /// @par Suspends  Only where the body's cleanup does.
  /// @par Source    agen.aclose (CPython 3.14).
  void close() {
    if (core_ != nullptr) detail::close_generator(*core_);
  }

  /// Steps through the items. `*it` is the item itself, where it lies in the body; it may be moved from, once.
  class iterator {
   public:
    using iterator_concept = std::input_iterator_tag;
    using value_type = generator::value_type;
    using difference_type = std::ptrdiff_t;
    using reference = std::conditional_t<std::is_reference_v<T>, T, T&&>;

    iterator() noexcept = default;
    /// For the library.
    iterator(detail::generator_core* g, void* first) noexcept : core_(g), item_(first) {}
    reference operator*() const noexcept { return static_cast<reference>(*static_cast<std::remove_reference_t<T>*>(item_)); }
    iterator& operator++() {
      item_ = detail::resume_generator(*core_);
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const iterator& i, std::default_sentinel_t) noexcept { return i.item_ == nullptr; }

   private:
    detail::generator_core* core_ = nullptr;
    void* item_ = nullptr;
  };
  /// Asks for the next item, as `next` does: a second loop goes on where the first was left. Throws what `next` throws.
  [[nodiscard]] iterator begin() { return {core_, core_ == nullptr ? nullptr : detail::resume_generator(*core_)}; }
  [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

 private:
  template <class F>
  static void run(void* closure, detail::generator_core& core) {
    F& body = *static_cast<F*>(closure);
    struct end_of_closure {
      F& f;
      ~end_of_closure() { f.~F(); }
    } const at_end{body};
    yielder<T, Input> yield(core);
    static_cast<void>(body(yield));
  }
  template <class F>
  static constexpr detail::generator_body body_of = {
      &run<F>,
      [](void* closure) noexcept { static_cast<F*>(closure)->~F(); },
  };

  detail::generator_core* core_ = nullptr;
};

}  // namespace nakh
