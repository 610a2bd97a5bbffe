// SPDX-License-Identifier: BSL-1.0
#include <nakh/time.hpp>

namespace nakh {

namespace detail {

virtual_clock*& current_virtual_clock() noexcept {
  static thread_local constinit virtual_clock* current = nullptr;
  return current;
}

time_point steady_now() noexcept {
  return time_point(std::chrono::duration_cast<duration>(std::chrono::steady_clock::now().time_since_epoch()));
}

}  // namespace detail

time_point clock::now() noexcept {
  const virtual_clock* v = detail::current_virtual_clock();
  return v != nullptr ? v->now() : detail::steady_now();
}

}  // namespace nakh
