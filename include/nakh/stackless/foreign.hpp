// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>
#include <nakh/detail/block.hpp>
#include <nakh/lowlevel.hpp>

#include <coroutine>
#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>

// Awaitables that are not the library's, in its coroutines.
//
// Such an awaitable knows no task: it resumes the handle that it was given from wherever it is. Resumed there and then, the
// coroutine would go on inside of another task's step, or in no task at all, and its next wait would be that one's. So what the
// awaitable gets is the handle of a stand-in, which only makes the task ready: it goes on in a turn of its own. The handle may be
// resumed at once, later, and in any thread; it must be resumed once.
//
// The awaitable cannot be cancelled: as with any wait that refuses (see `lowlevel::wait_op`), a cancellation is delivered when it
// has resumed. Its result is dropped then; an error of its own comes first. One that is pending before is delivered at once.
namespace nakh::detail {

class loop_door;
struct routine;
class scheduler;

/// What `co_await` can wait for without a stand-in, since it makes the task itself wait: the library's own, which say so.
template <class Awaitable>
concept makes_task_wait = requires { typename std::remove_cvref_t<Awaitable>::makes_task_wait; };

/// The part of a foreign wait that does not depend on types.
class NAKH_API foreign_wait : lowlevel::wait_op {
 public:
  struct stand_in {
    class promise_type;
    std::coroutine_handle<promise_type> handle;
  };

  foreign_wait() noexcept = default;
  foreign_wait(const foreign_wait&) = delete;
  foreign_wait& operator=(const foreign_wait&) = delete;
  ~foreign_wait();

  /// Who waits, for the awaitable to resume. @throws usage_error  no task runs here. @throws cancelled_error  one was pending
  [[nodiscard]] std::coroutine_handle<stand_in::promise_type> begin(std::coroutine_handle<> self);
  /// The awaitable says that it does not wait after all.
  void skip() noexcept { resumed_ = true; }
  /// It has what it needs. False: it has resumed already, and the coroutine goes on.
  [[nodiscard]] bool suspend();
  [[nodiscard]] bool has_begun() const noexcept { return waiting_ != nullptr; }
  /// The stand-in was resumed; in any thread. This may be gone afterwards.
  void resumed() noexcept;
  /// @throws cancelled_error  a cancellation that is pending
  void deliver_cancellation() const;

 private:
  void go_on() noexcept;
  void block();

  scheduler* scheduler_ = nullptr;
  routine* waiting_ = nullptr;  ///< Null: it has not begun.
  std::shared_ptr<loop_door> door_;
  std::coroutine_handle<> self_;
  std::coroutine_handle<stand_in::promise_type> stand_in_;
  bool given_away_ = false;  ///< The awaitable has returned from its `await_suspend`.
  bool resumed_ = false;
};

class foreign_wait::stand_in::promise_type {
 public:
  explicit promise_type(foreign_wait& w) noexcept : wait_(w) {}
  [[nodiscard]] stand_in get_return_object() noexcept { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
  [[nodiscard]] std::suspend_always initial_suspend() const noexcept { return {}; }
  // The wait is told when the stand-in is suspended, so that whoever goes on may destroy it while this thread is still here. It
  // returns nothing, not a handle to go on with: compilers have kept that in the frame, which may be gone.
  [[nodiscard]] auto final_suspend() const noexcept {
    struct telling {
      [[nodiscard]] bool await_ready() const noexcept { return false; }
      void await_suspend(std::coroutine_handle<promise_type> self) const noexcept { self.promise().wait_.resumed(); }
      void await_resume() const noexcept {}
    };
    return telling();
  }
  void unhandled_exception() const noexcept {}
  void return_void() const noexcept {}

  static void* operator new(std::size_t size) { return allocate_block(size); }
  static void operator delete(void* p, std::size_t size) noexcept { free_block(p, size); }

 private:
  foreign_wait& wait_;
};

/// What `co_await` asks, as the language finds it: an lvalue, or what an operator has made.
template <class Awaitable>
decltype(auto) awaiter_of(Awaitable&& a) {
  if constexpr (requires { std::forward<Awaitable>(a).operator co_await(); }) {
    return std::forward<Awaitable>(a).operator co_await();
  } else if constexpr (requires { operator co_await(std::forward<Awaitable>(a)); }) {
    return operator co_await(std::forward<Awaitable>(a));
  } else {
    return static_cast<std::remove_reference_t<Awaitable>&>(a);
  }
}

/// Awaits what is not the library's.
template <class Awaitable>
class foreign_awaiter {
 public:
  explicit foreign_awaiter(Awaitable&& a) : awaiter_(awaiter_of(std::forward<Awaitable>(a))) {}
  foreign_awaiter(const foreign_awaiter&) = delete;
  foreign_awaiter& operator=(const foreign_awaiter&) = delete;
  ~foreign_awaiter() = default;

  [[nodiscard]] bool await_ready() { return static_cast<bool>(awaiter_.await_ready()); }
  [[nodiscard]] bool await_suspend(std::coroutine_handle<> self) {
    const auto waiting = wait_.begin(self);
    using answer = decltype(awaiter_.await_suspend(waiting));
    if constexpr (std::is_void_v<answer>) {
      awaiter_.await_suspend(waiting);
    } else if constexpr (std::is_convertible_v<answer, std::coroutine_handle<>>) {
      // Resumed here and not by the language, to have a look afterwards at how it has suspended.
      static_cast<std::coroutine_handle<>>(awaiter_.await_suspend(waiting)).resume();
    } else {
      if (!awaiter_.await_suspend(waiting)) wait_.skip();
    }
    return wait_.suspend();
  }
  decltype(auto) await_resume() {
    using result = decltype(awaiter_.await_resume());
    if constexpr (std::is_void_v<result>) {
      awaiter_.await_resume();
      wait_.deliver_cancellation();
    } else if constexpr (std::is_reference_v<result>) {
      result r = awaiter_.await_resume();
      wait_.deliver_cancellation();
      return std::forward<result>(r);
    } else if constexpr (std::is_move_constructible_v<result>) {
      result r = awaiter_.await_resume();
      wait_.deliver_cancellation();
      return r;
    } else {
      return awaiter_.await_resume();  // a cancellation stays for the next suspension
    }
  }

 private:
  decltype(awaiter_of(std::declval<Awaitable>())) awaiter_;
  foreign_wait wait_;
};

/// Awaits what makes the task wait itself. Not by a reference to that, which is all that it stands for: GCC 12 copies what
/// `await_transform` refers to.
template <class Awaiter>
struct own_awaiter {
  [[nodiscard]] bool await_ready() { return awaiter.await_ready(); }
  decltype(auto) await_suspend(std::coroutine_handle<> self) { return awaiter.await_suspend(self); }
  decltype(auto) await_resume() { return awaiter.await_resume(); }
  Awaiter& awaiter;
};

/// What the library's coroutines have to do with what they await.
struct awaits_anything {
  template <class Awaitable>
  auto await_transform(Awaitable&& a) {
    if constexpr (!makes_task_wait<Awaitable>) {
      return foreign_awaiter<Awaitable>(std::forward<Awaitable>(a));
    } else if constexpr (requires { a.await_ready(); }) {
      return own_awaiter<std::remove_reference_t<Awaitable>>{a};
    } else {
      return awaiter_of(std::forward<Awaitable>(a));
    }
  }
};

}  // namespace nakh::detail
