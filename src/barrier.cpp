// SPDX-License-Identifier: BSL-1.0
#include <nakh/barrier.hpp>

#include <nakh/condition_variable.hpp>

#include <algorithm>
#include <mutex>
#include <vector>

namespace nakh {

struct barrier::round {
  explicit round(std::size_t count) : taken(count) {}

  void wait_to_enter() {
    changed.wait([this] { return phase != phases::draining && phase != phases::resetting; });
    if (phase == phases::broken) throw broken_barrier_error("nakh: the barrier is broken; reset it to use it again");
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

  enum class phases { filling, draining, resetting, broken };
  phases phase = phases::filling;
  std::size_t here = 0;
  std::vector<bool> taken;  ///< The indexes of those who are here.
  condition_variable changed;
};

barrier::barrier(std::size_t parties) {
  if (parties == 0) throw std::invalid_argument("nakh: a barrier for no parties was asked for; it takes at least one");
  round_ = std::make_shared<round>(parties);
}

std::size_t barrier::wait() {
  const std::shared_ptr<round> shared = round_;
  round& r = *shared;
  const std::unique_lock hold(r.changed);
  r.wait_to_enter();
  struct visit {
    explicit visit(round& to) noexcept : at(to), index(to.enter()) {}
    ~visit() { at.leave(index); }
    round& at;
    const std::size_t index;
  } const mine(r);
  if (r.here == r.taken.size()) {
    r.phase = round::phases::draining;
    r.changed.notify_all();
    return mine.index;
  }
  r.changed.wait([&r] { return r.phase != round::phases::filling; });
  if (r.phase != round::phases::draining) {
    throw broken_barrier_error("nakh: the barrier was aborted or reset while this task waited at it");
  }
  return mine.index;
}

void barrier::reset() {
  const std::unique_lock hold(round_->changed);
  round_->phase = round_->here > 0 ? round::phases::resetting : round::phases::filling;
  round_->changed.notify_all();
}

void barrier::abort() {
  const std::unique_lock hold(round_->changed);
  round_->phase = round::phases::broken;
  round_->changed.notify_all();
}

std::size_t barrier::parties() const noexcept { return round_->taken.size(); }
std::size_t barrier::waiting() const noexcept { return round_->phase == round::phases::filling ? round_->here : 0; }
bool barrier::broken() const noexcept { return round_->phase == round::phases::broken; }

}  // namespace nakh
