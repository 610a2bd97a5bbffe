// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>
#include <nakh/detail/wait_queue.hpp>

#include <cstddef>
#include <deque>
#include <functional>
#include <set>
#include <stdexcept>
#include <utility>
#include <vector>

namespace nakh {

/// `put_nowait` into a full queue. @par Source  asyncio.QueueFull.
class NAKH_API queue_full : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};
/// `get_nowait` from an empty queue. @par Source  asyncio.QueueEmpty.
class NAKH_API queue_empty : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};
/// The queue was shut down: it takes no more items, or has none left. @par Source  asyncio.QueueShutDown (3.13).
class NAKH_API queue_shut_down : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

namespace detail {

/// What a queue does that does not depend on its items: who waits, what is unfinished, whether it is shut down.
class NAKH_API queue_core {
 public:
  explicit queue_core(std::ptrdiff_t max_size) noexcept : max_size_(max_size > 0 ? static_cast<std::size_t>(max_size) : 0) {}

  [[nodiscard]] bool full() const noexcept { return max_size_ != 0 && size_ >= max_size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  void wait_for_room() {
    if (is_shut_down_ || full()) wait_until_room();
  }
  void wait_for_item() {
    if (empty()) wait_until_item();
  }
  void require_room() const;
  void require_item() const;
  void item_put() noexcept;
  void item_taken() noexcept;
  void item_dropped() noexcept;
  /// Who was to use it did not.
  void item_left() noexcept;
  void room_left() noexcept;
  void task_done();
  void join() {
    if (unfinished_ > 0) wait_until_done();
  }
  void shut_down() noexcept;

  // How a coroutine waits: in one of the lines, as long as it must. What follows says how the wait ended: it throws, or says
  // that there is room, an item, or nothing unfinished.
  [[nodiscard]] wait_queue& putters() noexcept { return putters_; }
  [[nodiscard]] wait_queue& getters() noexcept { return getters_; }
  [[nodiscard]] wait_queue& joiners() noexcept { return joiners_; }
  /// @throws queue_shut_down
  [[nodiscard]] bool must_wait_for_room() const;
  [[nodiscard]] bool must_wait_for_item() const;
  [[nodiscard]] bool must_wait_for_end() const noexcept { return unfinished_ > 0; }
  void room_after(wait_queue::ending how);
  void item_after(wait_queue::ending how);
  static void end_after(wait_queue::ending how);
  [[nodiscard]] bool is_shut_down() const noexcept { return is_shut_down_; }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t max_size() const noexcept { return max_size_; }

 private:
  void wait_until_room();
  void wait_until_item();
  void wait_until_done();

  std::size_t max_size_;  ///< 0: no limit.
  std::size_t size_ = 0;
  std::size_t unfinished_ = 0;
  bool is_shut_down_ = false;
  static constexpr lowlevel::wait_kind waits_for_item_ = wait_queue::kind_of("queue's item");
  static constexpr lowlevel::wait_kind waits_for_room_ = wait_queue::kind_of("queue's room");
  static constexpr lowlevel::wait_kind waits_for_end_ = wait_queue::kind_of("queue's end");
  wait_queue getters_{waits_for_item_};
  wait_queue putters_{waits_for_room_};
  wait_queue joiners_{waits_for_end_};
};

template <class T>
struct fifo_items {
  void push(T&& item) { items.push_back(std::move(item)); }
  T pop() {
    T item = std::move(items.front());
    items.pop_front();
    return item;
  }
  std::deque<T> items;
};
template <class T>
struct lifo_items {
  void push(T&& item) { items.push_back(std::move(item)); }
  T pop() {
    T item = std::move(items.back());
    items.pop_back();
    return item;
  }
  std::vector<T> items;
};
// Not a heap, which loses items when the comparison throws.
template <class T, class Compare>
struct sorted_items {
  void push(T&& item) { items.insert(std::move(item)); }
  T pop() {
    const auto first = items.begin();
    T item = std::move(const_cast<T&>(*first));  // is not compared any more
    items.erase(first);
    return item;
  }
  std::multiset<T, Compare> items;
};

}  // namespace detail

/// Items on their way between tasks; use `queue`, `lifo_queue` or `priority_queue`.
///
/// @par Thread safety  The loop's thread only. From other threads go through `event_loop::call_soon_threadsafe`.
/// @par Source         asyncio.Queue (CPython 3.14).
template <class T, class Items>
class basic_queue {
 public:
  using value_type = T;

  /// At most `max_size` items; 0 or less: any number (T-queue-19).
  explicit basic_queue(std::ptrdiff_t max_size = 0) : core_(max_size) {}
  /// Whoever still waits does so until it is cancelled.
  ~basic_queue() = default;
  basic_queue(const basic_queue&) = delete;
  basic_queue& operator=(const basic_queue&) = delete;

  /// Adds an item; waits while the queue is full.
  /// @throws queue_shut_down  when the queue is shut down, also while this waits.
  /// @throws cancelled_error  when the task is cancelled while it waits; the item is not added then (T-queue-09).
  /// @throws usage_error      when it has to wait and this is no task.
  /// @par Suspends            Only when it is full.
  /// @par Complexity          O(1) (`priority_queue`: O(log size)); waiting allocates nothing.
  void put(T item) {
    core_.wait_for_room();
    add(std::move(item));
  }
  /// Adds an item, without waiting.
  /// @throws queue_full, queue_shut_down
  void put_nowait(T item) {
    core_.require_room();
    add(std::move(item));
  }

  /// Takes the next item; waits while there is none.
  /// @throws queue_shut_down  when the queue is shut down and empty, also while this waits.
  /// @throws cancelled_error  when the task is cancelled while it waits; no item is lost then (T-queue-07).
  /// @throws usage_error      when it has to wait and this is no task.
  /// @par Suspends            Only when it is empty.
  [[nodiscard("the item is gone from the queue")]] T get() {
    core_.wait_for_item();
    return take();
  }
  /// Takes the next item, without waiting.
  /// @throws queue_empty, queue_shut_down
  [[nodiscard("the item is gone from the queue")]] T get_nowait() {
    core_.require_item();
    return take();
  }

  /// Says that the work with one item is done.
  /// @throws std::invalid_argument  when that was said of all items before.
  void task_done() { core_.task_done(); }
  /// Waits until `task_done` was called for each item that was ever put (T-queue-11).
  /// @throws cancelled_error
  /// @par Suspends  Only when something is unfinished.
  void join() { core_.join(); }

  /// No more items are taken: `put` fails at once, `get` when the last item is gone. With `immediate` those that are left
  /// are dropped, and count as done (T-queue-14 to -18).
  void shutdown(bool immediate = false) {
    if (immediate) {
      while (!core_.empty()) {
        static_cast<void>(items_.pop());
        core_.item_dropped();
      }
    }
    core_.shut_down();
  }

  /// How many items are in it.
  [[nodiscard]] std::size_t size() const noexcept { return core_.size(); }
  /// Whether nothing is in it.
  [[nodiscard]] bool empty() const noexcept { return core_.empty(); }
  /// Whether `put` would wait; never without a limit.
  [[nodiscard]] bool full() const noexcept { return core_.full(); }
  /// 0: any number.
  [[nodiscard]] std::size_t max_size() const noexcept { return core_.max_size(); }

  /// For the library: the parts of `put` and `get` around their waits.
  [[nodiscard]] detail::queue_core& core() noexcept { return core_; }

  // What cannot be moved stays where it was, and somebody else gets the turn.
  /// For the library: puts an item where there is room.
  void add(T&& item) {
    try {
      items_.push(std::move(item));
    } catch (...) {
      core_.room_left();
      throw;
    }
    core_.item_put();
  }
  /// For the library: takes an item that is there.
  T take() {
    try {
      T item = items_.pop();
      core_.item_taken();
      return item;
    } catch (...) {
      core_.item_left();
      throw;
    }
  }

 private:
  Items items_;
  detail::queue_core core_;
};

/// First in, first out.
/// @par Source         asyncio.Queue (CPython 3.14).
template <class T>
class queue : public basic_queue<T, detail::fifo_items<T>> {
 public:
  using basic_queue<T, detail::fifo_items<T>>::basic_queue;
};
/// Last in, first out.
/// @par Source         asyncio.LifoQueue (CPython 3.14).
template <class T>
class lifo_queue : public basic_queue<T, detail::lifo_items<T>> {
 public:
  using basic_queue<T, detail::lifo_items<T>>::basic_queue;
};
/// The smallest item first, by `Compare`; equal ones in the order in which they were put.
/// @par Source         asyncio.PriorityQueue (CPython 3.14). Differs: equal items keep their order.
template <class T, class Compare = std::less<T>>
class priority_queue : public basic_queue<T, detail::sorted_items<T, Compare>> {
 public:
  using basic_queue<T, detail::sorted_items<T, Compare>>::basic_queue;
};

}  // namespace nakh
