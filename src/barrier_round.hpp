// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <nakh/barrier.hpp>
#include <nakh/condition_variable.hpp>

#include <algorithm>
#include <cstddef>
#include <vector>

namespace nakh {

/// A barrier's state. All of it is for who holds the mutex of `changed`.
struct barrier::round {
  explicit round(std::size_t count) : taken(count) {}

  [[nodiscard]] bool can_enter() const noexcept { return phase != phases::draining && phase != phases::resetting; }
  void check_entered() const {
    if (phase == phases::broken) throw broken_barrier_error("nakh: the barrier is broken; reset it to use it again");
  }
  /// If so, lets them go on.
  [[nodiscard]] bool all_are_here() {
    if (here != taken.size()) return false;
    phase = phases::draining;
    changed.notify_all();
    return true;
  }
  [[nodiscard]] bool is_over() const noexcept { return phase != phases::filling; }
  void check_passed() const {
    if (phase != phases::draining) throw broken_barrier_error("nakh: the barrier was aborted or reset while this task waited at it");
  }
  void reset() {
    phase = here > 0 ? phases::resetting : phases::filling;
    changed.notify_all();
  }
  void abort() {
    phase = phases::broken;
    changed.notify_all();
  }
  std::size_t enter() noexcept {
    const auto free = std::find(taken.begin(), taken.end(), false);
    *free = true;
    ++here;
    return static_cast<std::size_t>(free - taken.begin());
  }
  void leave(std::size_t index) noexcept {
    taken[index] = false;
    if (--here != 0) return;
    if (phase == phases::resetting || phase == phases::draining) phase = phases::filling;
    changed.notify_all();
  }

  struct visit {
    explicit visit(round& to) noexcept : at(to), index(to.enter()) {}
    ~visit() { at.leave(index); }
    visit(const visit&) = delete;
    visit& operator=(const visit&) = delete;
    round& at;
    const std::size_t index;
  };

  enum class phases { filling, draining, resetting, broken };
  phases phase = phases::filling;
  std::size_t here = 0;
  std::vector<bool> taken;  ///< The indexes of those who are here.
  condition_variable changed;
};

}  // namespace nakh
