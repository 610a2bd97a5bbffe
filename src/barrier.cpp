// SPDX-License-Identifier: BSL-1.0
#include <nakh/barrier.hpp>

#include <algorithm>
#include <mutex>

namespace nakh {

barrier::barrier(std::size_t parties) : parties_(parties) {
  if (parties == 0) throw std::invalid_argument("nakh: a barrier for no parties was asked for; it takes at least one");
  taken_.resize(parties);
}

std::size_t barrier::wait() {
  const std::unique_lock hold(changed_);
  wait_for_round();
  const auto free = std::find(taken_.begin(), taken_.end(), false);
  const auto index = static_cast<std::size_t>(free - taken_.begin());
  *free = true;
  ++count_;
  struct leaving {
    barrier& from;
    std::size_t index;
    ~leaving() { from.leave(index); }
  } const at_end{*this, index};
  if (count_ == parties_) {
    state_ = state::draining;
    changed_.notify_all();
    return index;
  }
  changed_.wait([this] { return state_ != state::filling; });
  if (state_ != state::draining) throw broken_barrier_error("nakh: the barrier was aborted or reset while this task waited at it");
  return index;
}

void barrier::wait_for_round() {
  changed_.wait([this] { return state_ != state::draining && state_ != state::resetting; });
  if (state_ == state::broken) throw broken_barrier_error("nakh: the barrier is broken; reset it to use it again");
}

void barrier::leave(std::size_t index) noexcept {
  taken_[index] = false;
  if (--count_ != 0) return;
  if (state_ == state::resetting || state_ == state::draining) state_ = state::filling;
  changed_.notify_all();
}

void barrier::reset() {
  const std::unique_lock hold(changed_);
  state_ = count_ > 0 ? state::resetting : state::filling;
  changed_.notify_all();
}

void barrier::abort() {
  const std::unique_lock hold(changed_);
  state_ = state::broken;
  changed_.notify_all();
}

}  // namespace nakh
