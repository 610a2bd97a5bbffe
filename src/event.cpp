// SPDX-License-Identifier: BSL-1.0
#include <nakh/event.hpp>

#include <nakh/lowlevel.hpp>

namespace nakh {

void event::set() noexcept {
  set_ = true;
  line_.wake_all();
}

bool event::wait() {
  if (!set_ && line_.wait() != detail::wait_queue::ending::woken) lowlevel::throw_cancelled();
  return true;
}

}  // namespace nakh
