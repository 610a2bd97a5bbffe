// SPDX-License-Identifier: BSL-1.0
#include "timer_queue.hpp"

#include <algorithm>
#include <iterator>

namespace nakh::detail {

namespace {

constexpr std::size_t arity = 4;
constexpr std::size_t few = 64;

constexpr std::size_t parent_of(std::size_t place) noexcept { return (place - 1) / arity; }
constexpr std::size_t first_child_of(std::size_t place) noexcept { return place * arity + 1; }

}  // namespace

void timer_queue::add(timer& t, time_point deadline) {
  const entry e{deadline, added_++, &t};
  heap_.push_back(e);
  sift_up(heap_.size() - 1, e);
}

void timer_queue::cancel(timer& t) noexcept {
  const std::size_t place = t.place_;
  t.place_ = timer::nowhere;
  const entry last = heap_.back();
  heap_.pop_back();
  if (place == heap_.size()) return;
  if (place > 0 && last.before(heap_[parent_of(place)])) {
    sift_up(place, last);
  } else {
    sift_down(place, last);
  }
}

void timer_queue::sift_up(std::size_t place, entry e) noexcept {
  while (place > 0 && e.before(heap_[parent_of(place)])) {
    put(place, heap_[parent_of(place)]);
    place = parent_of(place);
  }
  put(place, e);
}

void timer_queue::sift_down(std::size_t place, entry e) noexcept {
  for (;;) {
    const std::size_t begin = first_child_of(place);
    if (begin >= heap_.size()) break;
    const std::size_t end = std::min(begin + arity, heap_.size());
    std::size_t least = begin;
    for (std::size_t child = begin + 1; child < end; ++child) {
      if (heap_[child].before(heap_[least])) least = child;
    }
    if (!heap_[least].before(e)) break;
    put(place, heap_[least]);
    place = least;
  }
  put(place, e);
}

// Makes any array a heap, from the bottom up, which also tells each timer its place.
void timer_queue::restore_order() noexcept {
  for (std::size_t place = heap_.size(); place-- > 0;) sift_down(place, heap_[place]);
}

// Counts the due timers below `place`, up to about `enough`: looks at due timers and their children only.
std::size_t timer_queue::count_due(std::size_t place, time_point now, std::size_t enough) const noexcept {
  if (place >= heap_.size() || now < heap_[place].deadline) return 0;
  std::size_t count = 1;
  for (std::size_t child = first_child_of(place); child < first_child_of(place) + arity && count < enough; ++child) {
    count += count_due(child, now, enough - count);
  }
  return count;
}

bool timer_queue::split_off_due(time_point now) noexcept {
  // Pays when it touches not many more entries than popping would.
  const std::size_t enough = std::max(heap_.size() / 4, few);
  if (count_due(0, now, enough) < enough) return false;
  const auto is_due = [now](const entry& e) { return e.deadline <= now; };
  try {
    due_.reserve(static_cast<std::size_t>(std::count_if(heap_.begin(), heap_.end(), is_due)));
  } catch (...) {
    return false;
  }
  std::copy_if(heap_.begin(), heap_.end(), std::back_inserter(due_), is_due);
  std::erase_if(heap_, is_due);
  const auto before = [](const entry& a, const entry& b) { return a.before(b); };
  if (!std::is_sorted(due_.begin(), due_.end(), before)) std::sort(due_.begin(), due_.end(), before);
  restore_order();
  return true;
}

}  // namespace nakh::detail
