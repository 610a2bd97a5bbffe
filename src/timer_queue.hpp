// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <nakh/detail/timer.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace nakh::detail {

/// Timers by deadline; those with equal deadlines in the order in which they were added.
///
/// A four-way heap of (deadline, number, timer), so that comparing touches no timer; each timer knows its place.
/// Add and cancel are O(log n); the array grows by doubling and is kept, nothing else is allocated.
class timer_queue {
 public:
  /// @throws std::bad_alloc  when the array cannot grow; the timer is not added then.
  void add(timer& t, time_point deadline);
  void cancel(timer& t) noexcept;

  [[nodiscard]] bool empty() const noexcept { return heap_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return heap_.size(); }
  /// Of the first timer; the queue must not be empty.
  [[nodiscard]] time_point next_deadline() const noexcept { return heap_.front().deadline; }
  /// Of an armed timer.
  [[nodiscard]] time_point deadline_of(const timer& t) const noexcept { return heap_[t.place_].deadline; }

  /// Takes out the timers for which `chosen` is true, in no particular order, and gives each to `take`, which must not
  /// come back to the queue.
  template <class Chosen, class Take>
  void remove_if(Chosen&& chosen, Take&& take) noexcept {
    std::erase_if(heap_, [&](const entry& e) {
      if (!chosen(*e.owner)) return false;
      e.owner->place_ = timer::nowhere;
      take(*e.owner);
      return true;
    });
    restore_order();
  }

  /// Takes out every timer whose deadline is at or before `now` and gives each to `fire`, in order.
  template <class Fire>
  void pop_due(time_point now, Fire&& fire) noexcept {
    if (heap_.empty() || now < heap_.front().deadline) return;
    if (split_off_due(now)) {
      for (std::size_t i = 0; i < due_.size(); ++i) {
        if (i + prefetch_distance < due_.size()) __builtin_prefetch(due_[i + prefetch_distance].owner, 1);
        due_[i].owner->place_ = timer::nowhere;
        fire(*due_[i].owner);
      }
      due_.clear();
      return;
    }
    while (!heap_.empty() && heap_.front().deadline <= now) {
      timer& t = *heap_.front().owner;
      cancel(t);
      fire(t);
    }
  }

 private:
  struct entry {
    time_point deadline;
    std::uint64_t number;
    timer* owner;

    [[nodiscard]] bool before(const entry& other) const noexcept {
      return deadline < other.deadline || (deadline == other.deadline && number < other.number);
    }
  };
  static constexpr std::size_t prefetch_distance = 8;

  // When many are due: moves them to `due_`, sorted, and rebuilds the heap of the rest. False when few are, or when
  // there is no memory for it: then one by one does as well.
  bool split_off_due(time_point now) noexcept;
  [[nodiscard]] std::size_t count_due(std::size_t place, time_point now, std::size_t enough) const noexcept;
  void put(std::size_t place, const entry& e) noexcept {
    heap_[place] = e;
    e.owner->place_ = place;
  }
  void restore_order() noexcept;
  void sift_up(std::size_t place, entry e) noexcept;
  void sift_down(std::size_t place, entry e) noexcept;

  std::vector<entry> heap_;
  std::vector<entry> due_;
  std::uint64_t added_ = 0;
};

}  // namespace nakh::detail
