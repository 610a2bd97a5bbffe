// SPDX-License-Identifier: BSL-1.0
#include <nakh/stackless/sync.hpp>

#include "barrier_round.hpp"

namespace nakh::stackless {

task<> wait(condition_variable& c) {
  condition_variable::waiting w(c);
  w.end_line(co_await detail::bare_line_awaiter(w.line()));
  while (mutex* const m = w.to_lock()) {
    try {
      co_await lock(*m);
      break;
    } catch (const cancelled_error&) {
      w.note_cancellation();
    }
  }
  w.finish();
}

task<std::size_t> wait(barrier& b) {
  const auto shared = b.share();
  barrier::round& r = *shared;
  const auto held = co_await hold(r.changed);
  co_await wait(r.changed, [&r] { return r.can_enter(); });
  r.check_entered();
  const barrier::round::visit mine(r);
  if (!r.all_are_here()) {
    co_await wait(r.changed, [&r] { return r.is_over(); });
    r.check_passed();
  }
  co_return mine.index;
}

task<> reset(barrier& b) {
  const auto shared = b.share();
  const auto held = co_await hold(shared->changed);
  shared->reset();
}

task<> abort(barrier& b) {
  const auto shared = b.share();
  const auto held = co_await hold(shared->changed);
  shared->abort();
}

}  // namespace nakh::stackless
