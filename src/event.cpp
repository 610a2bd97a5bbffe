// SPDX-License-Identifier: BSL-1.0
#include <nakh/event.hpp>

#include "waiting.hpp"

namespace nakh {

void event::set() noexcept {
  set_ = true;
  line_.wake_all();
}

bool event::wait() {
  if (!set_) wait_until_set();
  return true;
}

NAKH_RESUMES_ELSEWHERE void event::wait_until_set() { go_on_after(line_.wait()); }

void event::go_on_after(detail::wait_queue::ending how) {
  using ending = detail::wait_queue::ending;
  if (how != ending::woken && how != ending::woken_then_destroyed) detail::wait_queue::throw_ended(how, "event");
}

}  // namespace nakh
