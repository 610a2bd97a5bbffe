// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>
#include <nakh/detail/suspension.hpp>
#include <nakh/queue.hpp>

#include <coroutine>
#include <type_traits>
#include <utility>

/// @file
/// `nakh/queue.hpp` for coroutines: the same queues, and other ways to wait for them.
/// @par Thread safety  The loop's thread only.
namespace nakh {

namespace detail {

/// One wait in one of a queue's lines. A woken one that finds nothing, since somebody was faster, waits on.
template <class Queue>
class queue_awaiter : line_wait {
 public:
  using makes_task_wait = void;
  explicit queue_awaiter(Queue& q) noexcept : queue_(q) {}
  [[nodiscard]] queue_core& core() const noexcept { return queue_.core(); }

 protected:
  void wait_in(wait_queue& line, std::coroutine_handle<> self, line_wait::condition waits_on) { suspend(line, self, waits_on); }
  using line_wait::has_waited;
  using line_wait::resume;
  static const queue_awaiter& of(line_wait& w) noexcept { return static_cast<const queue_awaiter&>(w); }
  Queue& queue_;
};

template <class Queue>
class put_awaiter : queue_awaiter<Queue> {
 public:
  using makes_task_wait = void;
  put_awaiter(Queue& q, typename Queue::value_type item) : queue_awaiter<Queue>(q), item_(std::move(item)) {}
  [[nodiscard]] bool await_ready() {
    if (!this->core().must_wait_for_room()) return true;
    if (!runs_in_fiber()) return false;
    this->core().wait_for_room();
    return true;
  }
  void await_suspend(std::coroutine_handle<> self) {
    this->wait_in(this->core().putters(), self, [](line_wait& w) noexcept {
      const queue_core& core = queue_awaiter<Queue>::of(w).core();
      return core.full() && !core.is_shut_down();
    });
  }
  void await_resume() {
    if (this->has_waited()) {
      this->core().room_after(this->resume());
      static_cast<void>(this->core().must_wait_for_room());
    }
    this->queue_.add(std::move(item_));
  }

 private:
  typename Queue::value_type item_;
};

template <class Queue>
class get_awaiter : queue_awaiter<Queue> {
 public:
  using makes_task_wait = void;
  using queue_awaiter<Queue>::queue_awaiter;
  [[nodiscard]] bool await_ready() {
    if (!this->core().must_wait_for_item()) return true;
    if (!runs_in_fiber()) return false;
    this->core().wait_for_item();
    return true;
  }
  void await_suspend(std::coroutine_handle<> self) {
    this->wait_in(this->core().getters(), self, [](line_wait& w) noexcept {
      const queue_core& core = queue_awaiter<Queue>::of(w).core();
      return core.empty() && !core.is_shut_down();
    });
  }
  [[nodiscard]] typename Queue::value_type await_resume() {
    if (this->has_waited()) {
      this->core().item_after(this->resume());
      static_cast<void>(this->core().must_wait_for_item());
    }
    return this->queue_.take();
  }
};

template <class Queue>
class join_awaiter : queue_awaiter<Queue> {
 public:
  using makes_task_wait = void;
  using queue_awaiter<Queue>::queue_awaiter;
  [[nodiscard]] bool await_ready() {
    if (!this->core().must_wait_for_end()) return true;
    if (!runs_in_fiber()) return false;
    this->core().join();
    return true;
  }
  void await_suspend(std::coroutine_handle<> self) { this->wait_in(this->core().joiners(), self, nullptr); }
  void await_resume() {
    if (this->has_waited()) queue_core::end_after(this->resume());
  }
};

}  // namespace detail

namespace stackless {

/// `co_await` it: adds an item, as `queue::put`; waits while the queue is full.
/// @throws queue_shut_down, cancelled_error, usage_error  as that
template <class T, class Items>
[[nodiscard("co_await it")]] detail::put_awaiter<basic_queue<T, Items>> put(basic_queue<T, Items>& q, std::type_identity_t<T> item) {
  return {q, std::move(item)};
}
/// `co_await` it: takes the next item, as `queue::get`; waits while there is none.
template <class T, class Items>
[[nodiscard("co_await it")]] detail::get_awaiter<basic_queue<T, Items>> get(basic_queue<T, Items>& q) noexcept {
  return detail::get_awaiter<basic_queue<T, Items>>(q);
}
/// `co_await` it: waits until all that was put is done, as `queue::join`.
template <class T, class Items>
[[nodiscard("co_await it")]] detail::join_awaiter<basic_queue<T, Items>> join(basic_queue<T, Items>& q) noexcept {
  return detail::join_awaiter<basic_queue<T, Items>>(q);
}

}  // namespace stackless

}  // namespace nakh
