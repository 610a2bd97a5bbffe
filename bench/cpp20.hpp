// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <coroutine>
#include <cstddef>
#include <exception>

/// The least a C++20 coroutine runtime can do: a first-in-first-out queue that runs through the coroutines' own frames, tasks, a
/// one-shot future. No errors, no cancellation, no timers, no loop. The floor for stackless runtimes.
namespace bench::cpp20 {

/// A coroutine's place in the ready queue; lives in its frame.
struct ready_node {
  std::coroutine_handle<> coroutine;
  ready_node* next = nullptr;
};

class ready_queue {
 public:
  void push(ready_node& node) {
    node.next = nullptr;
    (last_ != nullptr ? last_->next : first_) = &node;
    last_ = &node;
  }
  std::coroutine_handle<> pop() {
    if (first_ == nullptr) return std::noop_coroutine();
    const auto coroutine = first_->coroutine;
    first_ = first_->next;
    if (first_ == nullptr) last_ = nullptr;
    return coroutine;
  }

 private:
  ready_node* first_ = nullptr;
  ready_node* last_ = nullptr;
};

inline ready_queue ready;

/// Suspends into the queue: everybody else runs first.
struct yield : ready_node {
  static bool await_ready() { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> self) {
    coroutine = self;
    ready.push(*this);
    return ready.pop();
  }
  static void await_resume() {}
};

/// Counts down to the moment in which one coroutine goes on.
class latch : ready_node {
 public:
  explicit latch(std::size_t count) : left_(count) {}

  void arrive() {
    if (--left_ == 0 && coroutine) ready.push(*this);
  }
  [[nodiscard]] bool await_ready() const { return left_ == 0; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> self) {
    coroutine = self;
    return ready.pop();
  }
  static void await_resume() {}

 private:
  std::size_t left_;
};

/// A coroutine in the queue from the start; tells `done`, if there is one, when it ends.
class task {
 public:
  struct promise_type : ready_node {
    int result = 0;
    latch* done = nullptr;

    task get_return_object() {
      coroutine = std::coroutine_handle<promise_type>::from_promise(*this);
      ready.push(*this);
      return task{*this};
    }
    static std::suspend_always initial_suspend() { return {}; }
    auto final_suspend() noexcept {
      struct leave {
        static bool await_ready() noexcept { return false; }
        static std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> self) noexcept {
          if (self.promise().done != nullptr) self.promise().done->arrive();
          return ready.pop();
        }
        static void await_resume() noexcept {}
      };
      return leave{};
    }
    void return_value(int value) { result = value; }
    [[noreturn]] static void unhandled_exception() { std::terminate(); }
  };

  explicit task(promise_type& promise) : promise_(&promise) {}
  task(task&& other) noexcept : promise_(other.promise_) { other.promise_ = nullptr; }
  task& operator=(task&&) = delete;
  ~task() {
    if (promise_ != nullptr) promise_->coroutine.destroy();
  }

  void tell(latch& done) { promise_->done = &done; }
  [[nodiscard]] int result() const { return promise_->result; }

 private:
  promise_type* promise_;
};

/// A value that one coroutine sets and another one waits for, once.
class future : ready_node {
 public:
  void set(std::size_t value) {
    value_ = value;
    set_ = true;
    if (coroutine) ready.push(*this);
  }
  [[nodiscard]] bool await_ready() const { return set_; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> self) {
    coroutine = self;
    return ready.pop();
  }
  [[nodiscard]] std::size_t await_resume() const { return value_; }

 private:
  std::size_t value_ = 0;
  bool set_ = false;
};

/// Runs what is queued, and what that queues, until nobody is left.
inline void run() { ready.pop().resume(); }

}  // namespace bench::cpp20
