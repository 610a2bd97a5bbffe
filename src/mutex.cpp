// SPDX-License-Identifier: BSL-1.0
#include <nakh/mutex.hpp>

#include "waiting.hpp"

#include <nakh/error.hpp>

namespace nakh {

using ending = detail::wait_queue::ending;

NAKH_RESUMES_ELSEWHERE void mutex::lock_in_turn() { lock_after(line_.wait()); }

void mutex::lock_after(ending how) {
  if (how != ending::woken) {
    // It may have been this one's turn, or it was the one in front of somebody who can go on now.
    if (how != ending::abandoned && how != ending::woken_then_destroyed && !locked_) line_.wake_first();
    detail::wait_queue::throw_ended(how, "mutex");
  }
  locked_ = true;
}

void mutex::throw_not_locked() { throw usage_error("nakh: a mutex is unlocked that nobody has locked"); }

}  // namespace nakh
