// SPDX-License-Identifier: BSL-1.0
#pragma once

namespace nakh::detail {

/// A place in a ring: of a loop's unfinished tasks, or of its open generators, in order of creation.
struct task_link {
  task_link* next = this;
  task_link* prev = this;

  [[nodiscard]] bool is_linked() const noexcept { return next != this; }
  void insert_before(task_link& place) noexcept {
    next = &place;
    prev = place.prev;
    place.prev->next = this;
    place.prev = this;
  }
  void unlink() noexcept {
    next->prev = prev;
    prev->next = next;
    next = prev = this;
  }
};

}  // namespace nakh::detail
