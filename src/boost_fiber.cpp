// SPDX-License-Identifier: BSL-1.0
//
// How Boost.Fiber's scheduler comes to run on a nakh loop.
//
// Boost keeps no queue: a boost fiber that becomes ready (`awakened`) is put into the loop's ready queue, as a *guest*: a node that
// is a task's fiber without a stack. So there is one queue and one order for both. Boost's main context is the loop's own stack: when
// a guest's turn comes, the loop suspends the main context, and `pick_next` says that the guest follows it.
//
// A boost fiber that waits for something of Boost's asks `pick_next` who follows: the next in the loop's queue, when that is a guest
// and the pass goes on, without a detour; else the main context, and so the loop. One that waits for something of nakh's parks as a
// fiber does, comes in `search_next_fiber` across the mark that stands in front of the queue while a guest runs, and suspends its
// context there; waking it puts its node back. No path of nakh's own fibers asks any question that it did not ask before.
//
// Boost's dispatcher, a stack of its own, releases ended contexts, and looks after sleepers and after what other threads have woken.
// Round robin runs it in each round; here it is an *attendant* that runs when there is something for it: a fiber has ended or
// begun to sleep, a deadline has come (a timer of the loop, set from `suspend_until`, which returns at once), or another thread has
// called `notify` (a call in the loop's inbox). So nothing spins, and the loop's wait is the only one.
//
// `launch::dispatch` starts a fiber on top of whoever launches it, behind `pick_next`'s back: `awakened` then tells of the launcher
// while the new one runs. When the launcher was a task of nakh's or a callback, that is a main context in the middle of its turn: it is
// what runs next, as soon as the new fiber suspends.
//
// Misuse. In a task of nakh's the active context is the main one, so a function of Boost's that blocks comes to `pick_next` with the
// main context out of its turn. Nothing can be thrown there: everything from `pick_next` up to the blocking function is noexcept. So
// the program ends with a message.
//
// Boost 1.81's contexts share the C++ runtime's record of exceptions, as all contexts of a thread did before Boost 1.88. `pick_next`
// swaps that too, just before the switch, and tells the sanitizers of it, of which Boost's library knows nothing.
#include <nakh/boost_fiber.hpp>

#include "neighbour.hpp"

#include <nakh/error.hpp>

#include <boost/fiber/algo/round_robin.hpp>
#include <boost/fiber/context.hpp>
#include <boost/fiber/properties.hpp>
#include <boost/fiber/scheduler.hpp>
#include <boost/version.hpp>

#include <cassert>
#include <cstdio>
#include <cstdlib>
#include <typeinfo>

namespace nakh::boost_fiber::detail {

namespace fibers = boost::fibers;
using guest = nakh::detail::fiber;

namespace {

constexpr bool boost_keeps_exceptions = BOOST_VERSION >= 108800;

}  // namespace

/// What a boost fiber is here. Goes with the fiber's context.
class NAKH_API guest_properties final : public fibers::fiber_properties {
 public:
  guest_properties(fibers::context* owner, guest& g, void (*drop_guest)(guest&) noexcept) noexcept
      : fiber_properties(owner), own(g), drop(drop_guest) {}
  ~guest_properties() override { drop(own); }
  guest_properties(const guest_properties&) = delete;
  guest_properties& operator=(const guest_properties&) = delete;

  guest& own;
  void (*drop)(guest&) noexcept;
};

class algorithm final : public fibers::algo::algorithm, public nakh::detail::neighbour {
 public:
  algorithm() : neighbour("Boost.Fiber", boost_keeps_exceptions), host_(fibers::context::active()) {}

  // --- fibers::algo::algorithm ---

  NAKH_UNINSTRUMENTED void awakened(fibers::context* context) noexcept override {
    // One that yields is told of next: then its properties need not be looked for, which are seldom in a cache.
    if (context == last_ && running_guest() != last_guest_) [[likely]]
      return make_ready(*last_guest_);
    note_awakened(*context);
  }

  NAKH_UNINSTRUMENTED fibers::context* pick_next() noexcept override {
    const turn t = choose();
    if (t.from != nullptr) leave(*t.from, *t.to, t.for_ever);
    return t.next;
  }

  [[nodiscard]] bool has_ready_fibers() const noexcept override { return is_leaving_ ? dispatcher_ != nullptr : is_anybody_ready(); }

  void suspend_until(const std::chrono::steady_clock::time_point& deadline) noexcept override {
    if (deadline == std::chrono::steady_clock::time_point::max()) {
      attend_at_no_time();
    } else {
      attend_at(deadline);
    }
  }

  void notify() noexcept override { knock(); }

  // --- For the scope ---

  /// From now on it only gives away what it has.
  void retire() noexcept { is_leaving_ = true; }
  /// The next boost fiber that is started is the one that runs this task.
  void expect(nakh::detail::future_state& task) noexcept { expected_ = &task; }
  void expect_nobody() noexcept { expected_ = nullptr; }
  void run_body_of_running() noexcept { run_body(*running_guest()); }

 private:
  /// From whose stack to whose, and whom Boost is told to resume. Without `from` there is no switch.
  struct turn {
    guest* from = nullptr;
    guest* to = nullptr;
    fibers::context* next = nullptr;
    bool for_ever = false;
  };

  static guest& guest_of(const fibers::context& context) noexcept { return static_cast<guest_properties*>(context.get_properties())->own; }
  static fibers::context& context_of(const guest& g) noexcept { return *static_cast<fibers::context*>(theirs(g)); }

  // Apart, so that the usual way needs no stack frame.
  [[gnu::noinline]] NAKH_UNINSTRUMENTED void note_awakened(fibers::context& context) noexcept {
    if (context.is_context(fibers::type::dispatcher_context)) return note_dispatcher(context);
    const turn at_once = put_in_line(context);
    if (at_once.to != nullptr) leave(*at_once.from, *at_once.to, false);
  }

  void note_dispatcher(fibers::context& context) noexcept {
    if (dispatcher_ == nullptr) set_attendant(&context);
    dispatcher_ = &context;
  }

  // The guest that `context` is, from now on.
  guest& admit(fibers::context& context) noexcept {
    if (const fibers::fiber_properties* const properties = context.get_properties()) {
      if (typeid(*properties) == typeid(guest_properties)) return guest_of(context);
      std::fputs(
          "nakh: a boost fiber has properties of another scheduling algorithm; nakh's boost fibers have their own: keep what is yours in a "
          "boost::fibers::fiber_specific_ptr\n",
          stderr);
      std::abort();
    }
    nakh::detail::future_state* const task = std::exchange(expected_, nullptr);
    guest& g = task != nullptr ? add_guest(*task, &context) : add_guest(&context);
    // Boost asks for it where nothing can be thrown.
    context.set_properties(new guest_properties(&context, g, &drop));  // NOLINT(bugprone-unhandled-exception-at-new)
    return g;
  }

  // `context` is ready; or, when it is what seems to run, it has been suspended by a fiber that was launched on top of it.
  turn put_in_line(fibers::context& context) noexcept {
    if (&context == host_) {
      guest& launched = admit(*fibers::context::active());
      begin_at_once(launched);
      return {&host(), &launched, nullptr, false};
    }
    guest& g = admit(context);
    if (running_guest() != &g) {
      make_ready(g);
      return {};
    }
    guest& launched = admit(*fibers::context::active());
    begin_instead(launched);
    make_ready(g);
    return {&g, &launched, nullptr, false};
  }

  turn choose() noexcept {
    if (is_leaving_) return {nullptr, nullptr, std::exchange(dispatcher_, nullptr), false};
    if (first_ != nullptr) return leave_host(*std::exchange(first_, nullptr));
    guest* const running = running_guest();
    if (running == nullptr) [[unlikely]]
      return choose_without_guest();
    guest& self = *running;
    fibers::context& active = context_of(self);
    assert(&active == fibers::context::active() && "what runs is the guest that the loop knows of");
    // Boost has taken it off its list of fibers. (`terminated_is_linked` is false for the last of a list that is not circular.)
    if (!active.worker_is_linked()) [[unlikely]]
      return choose_after(self);
    note_wait(self);
    last_ = &active;
    last_guest_ = &self;
    if (active.sleep_is_linked()) must_tell_deadline_ = must_attend_ = true;
    if (!has_interrupted()) [[likely]]
      return follow(self);
    if (must_attend_) ask_for_attention();
    return back_to_host(self, false);
  }

  // After `self`, which ends.
  turn choose_after(guest& self) noexcept {
    end(self);
    last_ = nullptr;
    if (has_interrupted()) {
      ask_for_attention();
      return back_to_host(self, true);
    }
    stop_guest();
    return to_dispatcher(self, true);  // at once, so that the stack can be used by the next one
  }

  turn choose_without_guest() noexcept {
    // Else it is a task of nakh's on the loop's stack; or a coroutine, which a guest has let run on its own.
    if (fibers::context::active() != dispatcher_) refuse();
    // Asked twice: for an answer to the first question it waits until `suspend_until`, which hears the next deadline by that.
    if (std::exchange(must_tell_deadline_, false)) return {};
    return follow(attendant());
  }

  // Who has the next turn after `from`.
  turn follow(guest& from) noexcept {
    if (guest* const g = next()) return {&from, g, &context_of(*g), false};
    if (must_attend_ && &from != &attendant()) return to_dispatcher(from, false);
    return back_to_host(from, false);
  }
  turn to_dispatcher(guest& from, bool for_ever) noexcept {
    must_attend_ = false;
    return {&from, &attendant(), dispatcher_, for_ever};
  }
  turn back_to_host(guest& from, bool for_ever) noexcept {
    host_goes_on();
    return {&from, &host(), host_, for_ever};
  }
  turn leave_host(guest& first) noexcept { return {&host(), &first, &first == &attendant() ? dispatcher_ : &context_of(first), false}; }

  [[noreturn]] void refuse() noexcept {
    refuse_to_block("waits in a function of Boost.Fiber, which would stop the whole loop",
                    "only a boost fiber may wait there. In a task use nakh's own mutex, queue, sleep, ..., "
                    "nakh::boost_fiber::await(future) and nakh::boost_fiber::join(fiber), or let a boost fiber do it: "
                    "nakh::boost_fiber::async(f)");
  }

  // --- neighbour ---

  void run(guest& g) noexcept override {
    begin(g);
    leave_for(g);
  }
  void attend() noexcept override {
    must_tell_deadline_ = true;
    must_attend_ = false;
    leave_for(attendant());
  }
  void leave_for(guest& first) noexcept {
    first_ = &first;
    host_->suspend();
  }
  void suspend() noexcept override { fibers::context::active()->suspend(); }

  fibers::context* const host_;
  fibers::context* dispatcher_ = nullptr;
  guest* first_ = nullptr;           ///< Who follows the host, which is about to suspend: a guest, or the attendant.
  fibers::context* last_ = nullptr;  ///< Who suspended last, if it was a guest and has not ended.
  guest* last_guest_ = nullptr;
  nakh::detail::future_state* expected_ = nullptr;
  bool is_leaving_ = false;
  bool must_attend_ = false;         ///< The dispatcher has something to do, as soon as no guest has a turn.
  bool must_tell_deadline_ = false;  ///< And is to say when it will have something to do again.
};

namespace {

thread_local constinit algorithm* here = nullptr;

algorithm& algorithm_here() {
  if (here == nullptr)
    throw usage_error(
        "nakh: boost fibers do not run on a loop in this thread; make a nakh::boost_fiber::scope in a task, or use nakh::boost_fiber::run");
  return *here;
}

algorithm* make_algorithm() {
  if (here != nullptr) throw usage_error("nakh: boost fibers run on this thread's loop already; one scope is enough");
  if (!fibers::context::active()->is_context(fibers::type::main_context))
    throw usage_error("nakh: the loop runs in a boost fiber, and cannot run that; call nakh::run outside of boost fibers");
  return new algorithm;
}

}  // namespace

nakh::detail::loop_core& loop_with_scope() { return algorithm_here().loop(); }

bool runs_in_boost_fiber() { return algorithm_here().runs_guest(); }

void start(nakh::detail::future_state& task) {
  algorithm& own = algorithm_here();
  own.expect(task);
  try {
    fibers::fiber(fibers::launch::post, [] { here->run_body_of_running(); }).detach();
  } catch (...) {
    own.expect_nobody();
    throw;
  }
}

void wait_for_end(fibers::fiber& f) {
  static_cast<void>(algorithm_here());
  nakh::detail::neighbour::wait_for_end(nakh::detail::neighbour::task_of(f.properties<guest_properties>().own));
}

void wait_for_end(nakh::detail::future_state& task) {
  task.mark_retrieved();
  nakh::detail::neighbour::wait_for_end(task);
}

}  // namespace nakh::boost_fiber::detail

namespace nakh::boost_fiber {

scope::scope() : own_(detail::make_algorithm()) {
  boost::fibers::context::active()->get_scheduler()->set_algo(own_);
  detail::here = static_cast<detail::algorithm*>(own_.get());
}

scope::~scope() {
  auto& own = static_cast<detail::algorithm&>(*own_);
  own.wait_until_empty();
  own.retire();
  detail::here = nullptr;
  // NOLINTNEXTLINE(bugprone-unhandled-exception-at-new): the thread's fibers have to have one
  boost::fibers::context::active()->get_scheduler()->set_algo(new boost::fibers::algo::round_robin);
}

}  // namespace nakh::boost_fiber
