// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/detail/ready.hpp>
#include <nakh/time.hpp>

#include <cstddef>

namespace nakh::detail {

/// A deadline, and what becomes ready when it passes. Lives where the waiting does: in a frame, or in a callback's
/// block.
struct timer {
  explicit timer(ready_node& f) noexcept : fire(&f) {}
  timer(const timer&) = delete;
  timer& operator=(const timer&) = delete;

  [[nodiscard]] bool is_armed() const noexcept { return place_ != nowhere; }

  ready_node* fire;

 private:
  friend class timer_queue;
  static constexpr std::size_t nowhere = static_cast<std::size_t>(-1);
  std::size_t place_ = nowhere;
};

}  // namespace nakh::detail
