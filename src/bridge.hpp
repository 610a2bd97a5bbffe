// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "switching.hpp"

namespace nakh::detail {

/// After a fiber has resumed a coroutine: waits until `done()`. What the library has to wait for has blocked the fiber, so a
/// coroutine is still suspended in somebody else's awaitable only, which knows no cancellation: that is delivered at the fiber's
/// next suspension. Whoever makes it done calls `unpark_if_waiting`. `what` is for dumps.
template <class Done>
void wait_for_coroutine(const char* what, Done done) {
  fiber& self = *this_scheduler->current();
  bool cancelled = false;
  while (!done()) {
    lowlevel::wait_op op;
    op.what = what;
    try {
      this_scheduler->park(op);
    } catch (const cancelled_error&) {
      cancelled = true;
    }
  }
  if (cancelled) self.cancel_pending = true;
}

inline void unpark_if_waiting(routine& fiber) noexcept {
  if (fiber.state == routine_state::parked) this_scheduler->unpark(fiber);
}

}  // namespace nakh::detail
