// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>
#include <nakh/detail/block.hpp>
#include <nakh/detail/open_generator.hpp>
#include <nakh/generator.hpp>
#include <nakh/stackless/task.hpp>

#include <concepts>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

/// @file
/// `nakh/generator.hpp` for coroutines.
/// @par Thread safety  The loop's thread only.
namespace nakh {

namespace stackless {
template <class T, class Input = void>
class generator;
}

namespace detail {

/// The part of a coroutine's generator that does not depend on types.
class NAKH_API coroutine_generator : public open_generator {
 public:
  explicit coroutine_generator(std::coroutine_handle<> self) noexcept : body_(self) {}

  // --- For the body ---

  /// What it was told when it goes on after a yield: what was sent, or null. @throws generator_exit, whatever was thrown into it
  void* receive();
  /// It stops here, with an item or none; resumed next is who asked for that.
  [[nodiscard]] std::coroutine_handle<> leave(void* item, generator_state now) noexcept;
  void fail() noexcept { error_ = std::current_exception(); }

  // --- For who asks ---

  void close() override;
  /// The body is to run, with this order; `error` is thrown at its yield. @throws usage_error
  void begin_step(generator_order o, void* sent, std::exception_ptr error = nullptr);
  /// In a fiber: until it has yielded or ended.
  void step_in_fiber();
  [[nodiscard]] std::coroutine_handle<> step_for(std::coroutine_handle<> consumer) noexcept {
    consumer_ = consumer;
    return body_;
  }
  /// The item; null when it has ended. @throws whatever the body has thrown
  [[nodiscard]] void* end_step();

 protected:
  ~coroutine_generator() = default;

 private:
  void destroy() noexcept override { body_.destroy(); }

  std::coroutine_handle<> body_;
  std::coroutine_handle<> consumer_ = nullptr;  ///< Null: a fiber asks.
  void* item_ = nullptr;
  void* sent_ = nullptr;
  std::exception_ptr error_;  ///< To be thrown on the other side.
};

/// Runs the body up to its next yield.
class generator_step {
 public:
  using makes_task_wait = void;
  /// No body: it has ended.
  explicit generator_step(coroutine_generator* g, generator_order o = generator_order::go_on) noexcept : generator_(g), order_(o) {}
  [[nodiscard]] bool await_ready() { return is_over(nullptr); }
  [[nodiscard]] std::coroutine_handle<> await_suspend(std::coroutine_handle<> self) noexcept { return generator_->step_for(self); }
  [[nodiscard]] void* await_resume() { return has_run_ ? generator_->end_step() : nullptr; }

 protected:
  [[nodiscard]] bool is_over(void* sent, std::exception_ptr error = nullptr) {
    if (generator_ == nullptr || generator_->state == generator_state::ended) return true;
    const bool in_fiber = runs_in_fiber();
    generator_->begin_step(order_, sent, std::move(error));
    has_run_ = true;
    if (in_fiber) generator_->step_in_fiber();
    return in_fiber;
  }
  coroutine_generator* generator_;

 private:
  generator_order order_;
  bool has_run_ = false;
};

template <class T, class Input>
class generator_promise final : public coroutine_generator, public awaits_anything {
 public:
  generator_promise() noexcept : coroutine_generator(std::coroutine_handle<generator_promise>::from_promise(*this)) {}
  [[nodiscard]] stackless::generator<T, Input> get_return_object() noexcept;
  [[nodiscard]] std::suspend_always initial_suspend() const noexcept { return {}; }
  [[nodiscard]] auto final_suspend() noexcept {
    struct ending {
      [[nodiscard]] bool await_ready() const noexcept { return false; }
      [[nodiscard]] std::coroutine_handle<> await_suspend(std::coroutine_handle<generator_promise> self) const noexcept {
        return self.promise().leave(nullptr, generator_state::ended);
      }
      void await_resume() const noexcept {}
    };
    return ending();
  }
  void unhandled_exception() noexcept { fail(); }
  void return_void() const noexcept {}

  using received = received_by_generator<Input>;

  /// `co_yield item`: the item stays where it is until it is moved out on the other side.
  [[nodiscard]] auto yield_value(T&& item) noexcept
    requires(!std::is_reference_v<T>)
  {
    return yielding(*this, std::addressof(item));
  }
  template <class U>
    requires(!std::is_reference_v<T> && std::constructible_from<T, U> && !std::same_as<U, T>)
  [[nodiscard]] auto yield_value(U&& item) {
    return yielding_copy(*this, std::forward<U>(item));
  }
  [[nodiscard]] auto yield_value(T item) noexcept
    requires std::is_lvalue_reference_v<T>
  {
    return yielding(*this, const_cast<std::remove_cvref_t<T>*>(std::addressof(item)));
  }

  static void* operator new(std::size_t size) { return allocate_block(size); }
  static void operator delete(void* p, std::size_t size) noexcept { free_block(p, size); }

 private:
  struct yielding {
    yielding(generator_promise& p, void* i) noexcept : promise(p), item(i) {}
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    [[nodiscard]] std::coroutine_handle<> await_suspend(std::coroutine_handle<> /*self*/) const noexcept {
      return promise.leave(item, generator_state::suspended);
    }
    received await_resume() const { return received_value<Input>(promise.receive()); }
    generator_promise& promise;
    void* item;
  };
  struct yielding_copy : yielding {
    template <class U>
    yielding_copy(generator_promise& p, U&& from) : yielding(p, nullptr), made(std::forward<U>(from)) {}
    [[nodiscard]] std::coroutine_handle<> await_suspend(std::coroutine_handle<> /*self*/) noexcept {
      return this->promise.leave(std::addressof(made), generator_state::suspended);
    }
    std::remove_cvref_t<T> made;
  };
};

}  // namespace detail

namespace stackless {

/// Items that a coroutine makes one at a time, by `co_yield`, whenever the next one is asked for; it may `co_await` while it
/// makes one. As `nakh::generator`, in all: it runs as the task that asks, and is closed when its handle goes, or its loop ends.
///
/// `co_yield` returns what came by `send`; nothing when it was `next`. There is no loop over it that could wait:
/// `while (auto item = co_await g.next()) ...`. A function in a fiber asks with `nakh::await(stackless::next(g))`.
/// @par Thread safety  The loop's thread only.
/// @par Source         Python's asynchronous generators (CPython 3.14), with asyncio's care for those that are left.
template <class T, class Input>
class [[nodiscard("a generator does nothing until an item is asked for")]] generator {
 public:
  using promise_type = detail::generator_promise<T, Input>;
  using value_type = std::remove_cvref_t<T>;
  /// What `next` gives: the item, or nothing when the body has ended. For a reference a pointer, null then.
  using item = detail::generator_item<T>;

 private:
  struct next_step : detail::generator_step {
    using detail::generator_step::generator_step;
    [[nodiscard("the item is gone from the generator")]] item await_resume() {
      return detail::taken_item<T>(detail::generator_step::await_resume());
    }
  };
  struct send_step : next_step {
    send_step(detail::coroutine_generator* g, detail::sent_to_generator<Input> v) : next_step(g), value(std::move(v)) {}
    [[nodiscard]] bool await_ready() { return this->is_over(std::addressof(value)); }
    detail::sent_to_generator<Input> value;
  };
  struct throw_step : next_step {
    throw_step(detail::coroutine_generator* g, std::exception_ptr e) noexcept
        : next_step(g, detail::generator_order::fail), error(std::move(e)) {}
    [[nodiscard]] bool await_ready() {
      if (!error) throw std::invalid_argument("nakh: throw_into was given no error");
      if (this->generator_ == nullptr || this->generator_->state == detail::generator_state::ended) return true;
      if (this->generator_->state == detail::generator_state::created) {
        this->generator_->close();
        std::rethrow_exception(std::move(error));
      }
      return this->is_over(nullptr, std::move(error));
    }
    std::exception_ptr error;
  };

 public:
  /// Has ended.
  generator() noexcept = default;
  generator(generator&& other) noexcept : core_(std::exchange(other.core_, nullptr)) {}
  /// What was here before goes as by the destructor.
  generator& operator=(generator&& other) noexcept {
    generator former(std::move(other));
    std::swap(core_, former.core_);
    return *this;
  }
  /// Closes it: by a task that the loop makes, since a coroutine's destructor cannot wait; in a fiber at once.
  ~generator() {
    if (core_ != nullptr) core_->drop();
  }

  /// `co_await` it: runs the body up to its next yield. Throws as `nakh::generator::next`.
  [[nodiscard("co_await it")]] next_step next() noexcept { return next_step(core_); }
  /// `co_await` it: the same, and the yield at which the body is suspended returns `value` (T-agen-03).
  [[nodiscard("co_await it")]] send_step send(detail::sent_to_generator<Input> value)
    requires(!std::is_void_v<Input>)
  {
    return send_step(core_, std::move(value));
  }
  /// `co_await` it: the same, and that yield throws `error` (T-agen-04).
  [[nodiscard("co_await it")]] throw_step throw_into(std::exception_ptr error) noexcept { return throw_step(core_, std::move(error)); }
  template <class Error>
    requires(!std::same_as<std::remove_cvref_t<Error>, std::exception_ptr>)
  [[nodiscard("co_await it")]] throw_step throw_into(Error&& error) {
    return throw_step(core_, std::make_exception_ptr(std::forward<Error>(error)));
  }
  /// Ends it, as `nakh::generator::close`: `co_await g.close()`.
  [[nodiscard]] task<> close() { return close(core_); }

  /// For the library.
  explicit generator(detail::coroutine_generator& own) noexcept : core_(&own) {}

 private:
  static task<> close(detail::coroutine_generator* g);

  detail::coroutine_generator* core_ = nullptr;
};

/// A coroutine that asks for the next item: for a function in a fiber, which gives it to `nakh::await`.
template <class T, class Input>
[[nodiscard]] task<typename generator<T, Input>::item> next(generator<T, Input>& g) {
  co_return co_await g.next();
}

}  // namespace stackless

namespace detail {

[[nodiscard]] NAKH_API stackless::task<> close_coroutine_generator(coroutine_generator* g);

template <class T, class Input>
stackless::generator<T, Input> generator_promise<T, Input>::get_return_object() noexcept {
  return stackless::generator<T, Input>(*this);
}

}  // namespace detail

template <class T, class Input>
stackless::task<> stackless::generator<T, Input>::close(detail::coroutine_generator* g) {
  return detail::close_coroutine_generator(g);
}

}  // namespace nakh
