// SPDX-License-Identifier: BSL-1.0
#pragma once

namespace nakh::detail {

/// A place in a ring, in order of creation: of a loop's unfinished tasks, of its open generators, of what it has outside.
struct ring_link {
  ring_link* next = this;
  ring_link* prev = this;

  [[nodiscard]] bool is_linked() const noexcept { return next != this; }
  void insert_before(ring_link& place) noexcept {
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
