// SPDX-License-Identifier: BSL-1.0
#include <nakh/wait.hpp>

#include "loop_core.hpp"

#include <deque>
#include <utility>

namespace nakh::detail {

namespace {

/// A library function behind a timer, disarmed at the end of its scope.
struct timed_hook : hook {
  timed_hook(loop_core& l, void (*f)(hook&) noexcept) noexcept : hook(f), loop(l) {}
  ~timed_hook() { disarm(); }
  void arm(delay d) { loop.arm(clock, after(loop.time(), d)); }
  void disarm() noexcept {
    if (clock.is_armed()) {
      loop.timers.cancel(clock);
    } else if (is_queued()) {
      loop.sched.remove(*this);
    }
  }
  loop_core& loop;
  timer clock{*this};
};

void wake(const future<>& waiter) noexcept {
  if (!waiter.done()) waiter.state().finish();
}

// A future that is completed by the library: void, with its nothing stored in advance, so that waking cannot fail. It says
// for dumps what its owner waits for.
template <class Owner>
class waiter_state final : public value_state<void> {
 public:
  waiter_state(loop_core& loop, const Owner& owner) : value_state<void>(loop), owner_(owner) { store(); }
  [[nodiscard]] const char* kind() const noexcept override { return Owner::kind; }
  void for_each_awaited(future_visitor& visit) override { owner_.for_each_pending(visit); }

 private:
  const Owner& owner_;
};

template <class Owner>
future<> make_waiter(loop_core& loop, const Owner& owner) {
  return future<>(ref<result_state<void>>::adopt(new waiter_state<Owner>(loop, owner)));
}

void require_same_loop(const future_state& state) {
  if (&state.loop() != &running_loop_core()) {
    throw std::invalid_argument("nakh: what is waited for belongs to another loop; wait in a task of that loop");
  }
}

}  // namespace

struct states_wait::link : done_hook {
  link() noexcept
      : done_hook([](hook& self) noexcept {
          const link& l = static_cast<link&>(self);
          l.owner->one_done(*l.state);
        }) {}
  states_wait* owner = nullptr;
  future_state* state = nullptr;
};

struct states_wait::time_over : timed_hook {
  explicit time_over(states_wait& w) noexcept
      : timed_hook(w.loop_, [](hook& self) noexcept { wake(static_cast<time_over&>(self).owner.waiter_); }), owner(w) {}
  states_wait& owner;
};

states_wait::states_wait(std::span<future_state* const> states, const wait_options& options)
    : loop_(running_loop_core()),
      waiter_(make_waiter(loop_, *this)),
      return_when_(options.return_when),
      left_(states.size()),
      count_(states.size()) {
  for (const future_state* s : states) require_same_loop(*s);
  if (states.empty()) throw std::invalid_argument("nakh: wait was given nothing to wait for");
  if (options.return_when > all_completed) throw std::invalid_argument("nakh: return_when is none of its three values");
  links_.reset(new link[states.size()]);
  if (options.timeout) {
    time_over_ = std::make_unique<time_over>(*this);
    time_over_->arm(*options.timeout);
  }
  for (std::size_t i = 0; i < count_; ++i) {
    links_[i].owner = this;
    links_[i].state = states[i];
    states[i]->subscribe(links_[i]);
  }
}

states_wait::~states_wait() {
  for (std::size_t i = 0; i < count_; ++i) links_[i].state->withdraw(links_[i]);
}

void states_wait::for_each_pending(future_visitor& visit) const {
  for (std::size_t i = 0; i < count_; ++i) visit(*links_[i].state);
}

void states_wait::one_done(const future_state& state) noexcept {
  --left_;
  if (left_ > 0 && return_when_ != first_completed && !(return_when_ == first_exception && state.failed())) return;
  if (time_over_) time_over_->disarm();
  wake(waiter_);
}

// --- as_completed ---

struct completion_order::impl {
  struct link : done_hook {
    link() noexcept
        : done_hook([](hook& self) noexcept {
            const link& l = static_cast<link&>(self);
            l.owner->one_done(static_cast<std::size_t>(&l - l.owner->links.get()));
          }) {}
    impl* owner = nullptr;
  };
  struct time_over : timed_hook {
    explicit time_over(impl& i) noexcept
        : timed_hook(i.loop, [](hook& self) noexcept { static_cast<time_over&>(self).owner.give_up(); }), owner(i) {}
    impl& owner;
  };
  static constexpr std::size_t timed_out = static_cast<std::size_t>(-1);

  impl(std::vector<ref<future_state>> s, std::optional<delay> timeout)
      : loop(running_loop_core()),
        states(std::move(s)),
        links(new link[states.size()]),
        alarm(*this),
        left(states.size()),
        pending(states.size()) {
    for (const auto& one : states) require_same_loop(*one);
    completed.reserve(states.size());
    if (!states.empty() && timeout) alarm.arm(*timeout);
    for (std::size_t i = 0; i < states.size(); ++i) {
      links[i].owner = this;
      states[i]->subscribe(links[i]);
    }
  }
  ~impl() { withdraw_all(); }
  impl(const impl&) = delete;
  impl& operator=(const impl&) = delete;

  static constexpr const char* kind = "as_completed";
  void for_each_pending(future_visitor& visit) const {
    for (const auto& s : states) visit(*s);
  }
  void withdraw_all() noexcept {
    for (std::size_t i = 0; i < states.size(); ++i) states[i]->withdraw(links[i]);
  }
  void one_done(std::size_t index) noexcept {
    completed.push_back(index);
    if (--pending == 0) alarm.disarm();
    wake_next();
  }
  void give_up() noexcept {
    withdraw_all();
    for (; pending > 0; --pending) {
      completed.push_back(timed_out);
      wake_next();
    }
  }
  void wake_next() noexcept {
    while (!waiters.empty()) {
      const future<> w = std::move(waiters.front());
      waiters.pop_front();
      if (w.done()) continue;
      wake(w);
      return;
    }
  }
  loop_core& loop;
  std::vector<ref<future_state>> states;
  std::unique_ptr<link[]> links;
  time_over alarm;
  std::size_t left;     ///< Not asked for yet.
  std::size_t pending;  ///< Neither done nor given up.
  std::vector<std::size_t> completed;
  std::size_t taken = 0;
  std::deque<future<>> waiters;
};

completion_order::completion_order(std::vector<ref<future_state>> states, std::optional<delay> timeout)
    : impl_(std::make_unique<impl>(std::move(states), timeout)) {}

completion_order::~completion_order() = default;

std::size_t completion_order::left() const noexcept { return impl_->left; }

std::size_t completion_order::next() {
  ask();
  try {
    while (must_wait()) {
      const future<> turn = new_turn();
      try {
        turn.await();
      } catch (...) {
        turn_failed(turn);
        throw;
      }
    }
  } catch (...) {
    give_up();
    throw;
  }
  return take();
}

void completion_order::ask() noexcept { --impl_->left; }

bool completion_order::must_wait() const noexcept { return impl_->taken == impl_->completed.size(); }

future<> completion_order::new_turn() {
  const future<> turn = make_waiter(impl_->loop, *impl_);
  impl_->waiters.push_back(turn);
  return turn;
}

// Its turn goes to another one, if it had come.
void completion_order::turn_failed(const future<>& turn) noexcept {
  turn.cancel();
  std::erase(impl_->waiters, turn);
  if (!must_wait() && !turn.cancelled()) impl_->wake_next();
}

std::size_t completion_order::take() {
  const std::size_t index = impl_->completed[impl_->taken++];
  if (index == impl::timed_out) throw timeout_error("nakh: the time is over and not all have ended");
  return index;
}

void completion_order::give_up() noexcept { ++impl_->left; }

}  // namespace nakh::detail
