// SPDX-License-Identifier: BSL-1.0
#include <nakh/semaphore.hpp>

#include "waiting.hpp"

#include <stdexcept>
#include <string>

namespace nakh {

using ending = detail::wait_queue::ending;

semaphore::semaphore(std::ptrdiff_t permits) : permits_(permits) {
  if (permits < 0) throw std::invalid_argument("nakh: a semaphore was given " + std::to_string(permits) + " permits; it takes 0 or more");
}

void semaphore::acquire() {
  if (!try_acquire()) acquire_in_turn();
}

NAKH_RESUMES_ELSEWHERE void semaphore::acquire_in_turn() { lock_after(line_.wait()); }

void semaphore::lock_after(ending how) {
  if (how == ending::abandoned || how == ending::woken_then_destroyed) detail::wait_queue::throw_ended(how, "semaphore");
  if (how == ending::woken_then_cancelled) ++permits_;
  // Others may have come while this one was about to run, and had to stay behind it.
  serve();
  if (how != ending::woken) detail::wait_queue::throw_ended(how, "semaphore");
}

bool semaphore::try_acquire() noexcept {
  if (locked()) return false;
  --permits_;
  return true;
}

void semaphore::release() noexcept {
  ++permits_;
  serve();
}

// Who is woken has its permit: it is not free any more (T-sem-06).
void semaphore::serve() noexcept {
  while (permits_ > 0 && line_.wake_one()) --permits_;
}

void bounded_semaphore::release() {
  if (permits() >= most_) {
    throw std::invalid_argument("nakh: a bounded semaphore was released more often than acquired; it has all its " + std::to_string(most_) +
                                " permits");
  }
  semaphore::release();
}

}  // namespace nakh
