// SPDX-License-Identifier: BSL-1.0
#include <nakh/timeout.hpp>

#include "loop_core.hpp"
#include "task_core.hpp"

#include <nakh/exception_group.hpp>

#include <exception>
#include <utility>

namespace nakh {

namespace {

detail::task_core& current_task_core() {
  detail::routine* const r = detail::this_scheduler != nullptr ? detail::this_scheduler->current_routine() : nullptr;
  if (r == nullptr)
    throw usage_error("nakh: a timeout works on the current task, and there is none; use it inside nakh::async or nakh::run");
  return detail::task_core::of(*r);
}

[[noreturn]] void rethrow_with_timeout(const std::exception_ptr& cancellation) {
  try {
    std::rethrow_exception(cancellation);
  } catch (...) {
    detail::throw_timeout_error();
  }
}

// Where the chain of nested exceptions that begins with `error` comes to a cancellation.
void put_timeout_above_cancellation(std::exception_ptr error) {
  while (error) {
    try {
      std::rethrow_exception(std::exchange(error, nullptr));
    } catch (std::nested_exception& link) {
      error = link.nested_ptr();
      if (!error || !detail::is_one_of<cancelled_error>(error)) continue;
      try {
        // An object of the user's own type cannot be made again with another link, but its link can be replaced.
        rethrow_with_timeout(error);
      } catch (const timeout_error&) {
        link = std::nested_exception();  // made here, it refers to the error that is handled here
      } catch (...) {
        // no memory for it
      }
      return;
    } catch (...) {
      return;  // the chain ends here
    }
  }
}

}  // namespace

timeout_scope::alarm::alarm(timeout_scope& s) noexcept
    : hook([](hook& self) noexcept {
        timeout_scope& expired = static_cast<alarm&>(self).scope;
        expired.state_ = state::expiring;
        detail::cancel_task(expired.task_, nullptr);
      }),
      scope(s) {}

timeout_scope::timeout_scope(std::optional<time_point> deadline)
    : loop_(detail::running_loop_core()), task_(current_task_core()), requests_at_entry_(task_.cancel_requests) {
  reschedule(deadline);
}

timeout_scope::timeout_scope(std::optional<delay> d)
    : loop_(detail::running_loop_core()), task_(current_task_core()), requests_at_entry_(task_.cancel_requests) {
  if (!d) return;
  const time_point now = loop_.time();
  set(after(now, *d), now);
}

timeout_scope::~timeout_scope() { disarm(); }

void timeout_scope::disarm() noexcept {
  if (alarm_.clock.is_armed()) {
    loop_.timers.cancel(alarm_.clock);
  } else if (alarm_.is_queued()) {
    loop_.sched.remove(alarm_);
  }
}

void timeout_scope::reschedule(std::optional<time_point> deadline) {
  if (state_ != state::entered) {
    constexpr const char* names[] = {"active", "expiring", "expired", "finished"};
    throw usage_error(std::string("nakh: the deadline of a timeout that is ") + names[static_cast<int>(state_)] + " cannot be changed");
  }
  disarm();
  when_.reset();
  if (deadline) set(*deadline, loop_.time());
}

void timeout_scope::set(time_point deadline, time_point now) {
  when_ = deadline;
  if (deadline <= now) {
    loop_.sched.push(alarm_);
  } else {
    loop_.arm(alarm_.clock, deadline);
  }
}

void timeout_scope::leave() noexcept {
  disarm();
  if (state_ == state::expiring) {
    state_ = state::expired;
    // With requests left over, somebody else wants the task cancelled too: theirs goes on as a cancellation.
    gave_back_own_ = detail::uncancel_task(task_) <= requests_at_entry_;
  } else {
    state_ = state::exited;
  }
}

void timeout_scope::throw_timeout() const { detail::throw_timeout_error(); }

void timeout_scope::show_timeout() const noexcept {
  try {
    const std::exception_ptr error = std::current_exception();
    put_timeout_above_cancellation(error);
    std::rethrow_exception(error);
  } catch (const exception_group& group) {
    for (const std::exception_ptr& e : group.errors()) put_timeout_above_cancellation(e);
  } catch (...) {
    // No group, or no memory: the error goes on as it is.
  }
}

namespace detail {

void throw_timeout_error() {
  timeout_error error("nakh: the time is over");
  if (std::current_exception()) std::throw_with_nested(std::move(error));
  throw error;
}

namespace {

struct waiter_state final : value_state<void> {
  explicit waiter_state(future_state& c) : value_state<void>(c.loop()), cancelled(c) { store(); }
  [[nodiscard]] const char* kind() const noexcept override { return "wait_for"; }
  void for_each_awaited(future_visitor& visit) override { visit(cancelled); }
  future_state& cancelled;
};

future_state& awaitable_here(future_state& state) {
  static_cast<void>(current_task_core());
  if (&state.loop() != this_loop)
    throw usage_error("nakh: the awaited future belongs to another loop; use call_soon_threadsafe to hand its result over");
  return state;
}

}  // namespace

cancelling_wait::at_end::at_end(future_state& w) noexcept
    : done_hook([](hook& self) noexcept {
        future_state& to_wake = static_cast<at_end&>(self).waiting;
        if (!to_wake.done()) to_wake.finish();
      }),
      waiting(w) {}

cancelling_wait::cancelling_wait(future_state& state)
    : cancelled_(awaitable_here(state)), waiter_(ref<result_state<void>>::adopt(new waiter_state(state))), hook_(waiter_.state()) {
  cancelled_.subscribe(hook_);
  cancelled_.cancel(nullptr);
}

cancelling_wait::~cancelling_wait() { cancelled_.withdraw(hook_); }

}  // namespace detail

}  // namespace nakh
