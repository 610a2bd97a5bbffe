// SPDX-License-Identifier: BSL-1.0
#pragma once

// What a neighbour asks at each switch, inline: of its stacks, whose pages lie alike and so are in each other's way in the caches,
// as little as can be is to be touched.

#include "loop_core.hpp"
#include "waiting.hpp"

#include <nakh/detail/neighbour.hpp>
#include <nakh/detail/wait_queue.hpp>
#include <nakh/lowlevel.hpp>

#include <atomic>
#include <memory>

namespace nakh::detail {

struct neighbour::bridge final : guest_switch, std::enable_shared_from_this<bridge> {
  bridge(neighbour& n, loop_core& l, const char* what, bool keeps)
      : owner(&n), loop(l), door(l.door), keeps_exceptions(keeps), own_kind{.what = what}, line_kind(wait_queue::kind_of(what)) {
    loop.add_ref();
  }
  ~bridge() { loop.release(); }

  void run(fiber& guest) noexcept override { owner->run(guest); }
  void suspend() noexcept override { owner->suspend(); }

  /// A call that asks for attention, unless the neighbour is gone by then.
  [[nodiscard]] call_node& make_attention(std::atomic<bool>& flag) {
    return *make_call(
        [self = shared_from_this(), &flag] {
          flag.exchange(false, std::memory_order_acq_rel);  // before it looks: see `knocked`
          if (self->owner != nullptr) self->owner->attend();
        },
        source_location{});
  }

  struct alarm : hook {
    explicit alarm(bridge& b) noexcept
        : hook([](hook& self) noexcept { static_cast<alarm&>(self).of.owner->ask_for_attention(); }), of(b) {}
    bridge& of;
    timer clock{*this};
  };
  void disarm() noexcept {
    if (at.clock.is_armed()) loop.disarm_real(at.clock);
    if (at.is_queued()) loop.sched.remove(at);
  }

  neighbour* owner;  ///< Null when it is gone.
  loop_core& loop;
  const std::shared_ptr<loop_door> door;
  const bool keeps_exceptions;
  fiber host{0};
  fiber attendant{0};
  bool interrupts = false;
  scheduler::interrupted interrupted;
  std::size_t guests = 0;
  const lowlevel::wait_kind own_kind;
  const lowlevel::wait_kind line_kind;
  wait_queue left{line_kind};
  lowlevel::wait_op own_wait{&own_kind};  ///< What guests wait in that wait for something of their own runtime's: no cancellation ends it.
  alarm at{*this};
  std::atomic<bool> asked = false;
  // Any thread: exchanged to true by who knocks, and back by the loop before it looks. Who finds it true already may rely on a look
  // that is still to come; acquire and release on both sides, so that what he has left there before is seen then.
  std::atomic<bool> knocked = false;
};

inline fiber* neighbour::running_guest() const noexcept {
  fiber* const f = bridge_->loop.sched.current();
  return f != nullptr && f->kind == ready_kind::guest ? f : nullptr;
}

inline void* neighbour::theirs(const fiber& guest) noexcept { return guest.ctx.theirs(); }

inline void neighbour::make_ready(fiber& guest) noexcept {
  guest.state = routine_state::ready;
  bridge_->loop.sched.push(guest);
}

inline void neighbour::note_wait(fiber& guest) noexcept {
  if (guest.state == routine_state::parked || guest.is_queued()) return;
  guest.state = routine_state::parked;
  guest.parked_in = &bridge_->own_wait;
}

inline bool neighbour::has_interrupted() const noexcept { return bridge_->interrupts; }

inline fiber* neighbour::next() noexcept { return bridge_->loop.sched.next_guest(); }

inline void neighbour::stop_guest() noexcept { bridge_->loop.sched.stop_guest(); }

inline void neighbour::host_goes_on() noexcept {
  bridge& b = *bridge_;
  if (b.interrupts) {
    b.interrupts = false;
    b.loop.sched.end_interruption(b.interrupted);
  } else {
    b.loop.sched.end_guests();
  }
}

inline fiber& neighbour::host() noexcept { return bridge_->host; }

inline fiber& neighbour::attendant() noexcept { return bridge_->attendant; }

NAKH_UNINSTRUMENTED inline void neighbour::leave(fiber& from, fiber& to, bool for_ever) noexcept {
  bridge& b = *bridge_.get();  // NOLINT(readability-redundant-smartptr-get): its operator* is instrumented
  from.ctx.leave_to_foreign(to.ctx, b.loop.sched.exceptions(), b.keeps_exceptions, for_ever);
}

}  // namespace nakh::detail
