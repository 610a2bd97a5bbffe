// SPDX-License-Identifier: BSL-1.0
#include <nakh/event.hpp>

#include "waiting.hpp"

#include <nakh/lowlevel.hpp>

namespace nakh {

void event::set() noexcept {
  set_ = true;
  line_.wake_all();
}

bool event::wait() {
  if (!set_) wait_until_set();
  return true;
}

NAKH_RESUMES_ELSEWHERE void event::wait_until_set() {
  if (line_.wait() != detail::wait_queue::ending::woken) lowlevel::throw_cancelled();
}

}  // namespace nakh
