// SPDX-License-Identifier: BSL-1.0
#include <nakh/barrier.hpp>

#include "barrier_round.hpp"

#include <mutex>

namespace nakh {

barrier::barrier(std::size_t parties) {
  if (parties == 0) throw std::invalid_argument("nakh: a barrier for no parties was asked for; it takes at least one");
  round_ = std::make_shared<round>(parties);
}

std::size_t barrier::wait() {
  const std::shared_ptr<round> shared = round_;
  round& r = *shared;
  const std::unique_lock hold(r.changed);
  r.changed.wait([&r] { return r.can_enter(); });
  r.check_entered();
  const round::visit mine(r);
  if (!r.all_are_here()) {
    r.changed.wait([&r] { return r.is_over(); });
    r.check_passed();
  }
  return mine.index;
}

void barrier::reset() {
  const std::unique_lock hold(round_->changed);
  round_->reset();
}

void barrier::abort() {
  const std::unique_lock hold(round_->changed);
  round_->abort();
}

std::size_t barrier::parties() const noexcept { return round_->taken.size(); }
std::size_t barrier::waiting() const noexcept { return round_->phase == round::phases::filling ? round_->here : 0; }
bool barrier::broken() const noexcept { return round_->phase == round::phases::broken; }

}  // namespace nakh
