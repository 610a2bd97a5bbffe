// SPDX-License-Identifier: BSL-1.0
#include <nakh/loop.hpp>

#include <nakh/context_var.hpp>

#include "loop_core.hpp"
#include "overflow.hpp"

#include <dirent.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace nakh {

namespace detail {

thread_local constinit loop_core* this_loop __attribute__((tls_model("initial-exec"))) = nullptr;

constinit loop_core* first_loop = nullptr;

namespace {

constinit std::mutex loops_guard;

void print_exception_context(const exception_context& context) noexcept {
  try {
    std::string line = "nakh: " + context.message;
    if (!context.source.empty()) line += ": " + context.source;
    if (context.where.line() != 0) {
      line += " (created at " + std::string(context.where.file_name()) + ":" + std::to_string(context.where.line()) + ")";
    }
    if (context.exception) line += ": " + describe(context.exception);
    std::fprintf(stderr, "%s\n", line.c_str());
  } catch (...) {
    std::fputs("nakh: an error could not be reported for lack of memory\n", stderr);
  }
}

// While the queue is never empty the loop looks at the clock, and asks the system for events, about this often. It cannot
// know without the clock how long a switch takes, so it counts them, and corrects the count at each look.
constexpr duration time_between_polls = std::chrono::microseconds(50);
// And this often while streams always have something, and Asio had nothing when it was asked: that costs as much as a message.
constexpr duration time_between_polls_of_streams = std::chrono::milliseconds(1);
constexpr unsigned int fewest_switches_between_looks = 64;
constexpr unsigned int most_switches_between_looks = 4096;
// A virtual clock jumps even though tasks can run when they have run for this many passes: they must be spinning.
constexpr unsigned int passes_until_spinning = 1000;
// What it gives to input and output under way before it jumps: long for a machine's own sockets, short for who waits.
constexpr duration moment_for_io = std::chrono::milliseconds(1);
// What an observer of the loop gives to it when nothing else can happen, before it takes the loop for stuck.
constexpr duration patience_with_io = std::chrono::seconds(5);
// Pooled stacks that stay warm in an idle loop, and how many others it cools down before it goes to sleep.
constexpr std::size_t warm_stacks = 256;
constexpr std::size_t stacks_to_trim = 64;

// A loop that has found out that it does not wait in vain does not look again for so long.
constexpr duration time_between_deadlock_looks = std::chrono::milliseconds(100);

bool is_only_thread() noexcept {
  DIR* const threads = opendir("/proc/self/task");
  if (threads == nullptr) return false;  // not known
  int count = 0;
  while (const dirent* const entry = readdir(threads)) {
    if (entry->d_name[0] != '.') ++count;
  }
  closedir(threads);
  return count == 1;
}

bool environment_wants_virtual_time() noexcept {
  const char* const clock = std::getenv("NAKH_CLOCK");
  return clock != nullptr && std::string_view(clock) == "virtual";
}

void run_call(scheduler&, ready_node& node) {
  auto& call = static_cast<call_node&>(node);
  const auto owned = ref<call_node>::adopt(&call);
  if (!call.start()) return;
  struct marked {
    explicit marked(call_node& c) noexcept { this_loop->calling = &c; }
    ~marked() { this_loop->calling = nullptr; }
    marked(const marked&) = delete;
    marked& operator=(const marked&) = delete;
  };
  try {
    const marked as_current(call);
    call.run();
  } catch (const fatal_error&) {
    this_loop->sched.abort_pass(std::current_exception());
  } catch (...) {
    this_loop->report_call_error(call);
  }
}

// Of code that runs in no task and no callback.
variable_slot& variables_of_thread() noexcept {
  static thread_local variable_slot slot;
  return slot;
}

}  // namespace

variable_slot& current_variables() noexcept {
  if (this_scheduler != nullptr) {
    if (routine* const r = this_scheduler->current_routine()) return r->variables;
    if (this_loop->calling != nullptr) return this_loop->calling->variables;
  }
  return variables_of_thread();
}

loop_core::loop_core(event_loop& owner, const loop_options& options)
    : facade(&owner),
      sched(options.max_stacks, &run_call),
      virtual_time(options.clock != nullptr || !environment_wants_virtual_time() ? options.clock : &own_clock_),
      door(std::make_shared<loop_door>(*this)),
      deadlocks(options.deadlocks),
      default_stack_class(stack_pool::class_of(options.stack_size)),
      eager_start(options.eager_start),
      debug(options.debug.value_or(environment_wants_debug_mode())) {
  if (debug || environment_wants_trace()) debugging = make_debug_side(*this);
  // In virtual time each pass shows the clock to the timers, so that traces are exact.
  sched.set_patience(virtual_time != nullptr ? 0 : fewest_switches_between_looks);
  static_cast<void>(saved_frame::layout());  // a debugger may want it
  const std::scoped_lock guard(loops_guard);
  next_loop = std::exchange(first_loop, this);
  if (next_loop != nullptr) next_loop->prev_loop = this;
}

loop_core::~loop_core() {
  const std::scoped_lock guard(loops_guard);
  (prev_loop != nullptr ? prev_loop->next_loop : first_loop) = next_loop;
  if (next_loop != nullptr) next_loop->prev_loop = prev_loop;
}

void throw_closed() { throw usage_error("nakh: the loop is closed; make a new one (nakh::run makes its own)"); }

void loop_core::arm(timer& t, time_point deadline) {
  timers.add(t, deadline);
  // Already due, as far as can be told without asking the clock: at the end of this pass it must be noticed.
  if (deadline <= last_poll_) sched.ask_for_loop();
}

void loop_core::arm_real(timer& t, delay d) {
  if (virtual_time != nullptr) {
    real_timers.add(t, after(steady_now(), d));
  } else {
    arm(t, after(time(), d));
  }
}

void loop_core::run_when_idle(hook& h) noexcept { when_idle.push_back(h); }

void loop_core::push_from_other_thread(call_node& owned) noexcept {
  call_node* head = inbox_.load(std::memory_order_relaxed);
  do {
    owned.inbox_next = head;
    // Sequentially consistent, against `wait_for_events`: either the loop sees this call before it blocks, or we see
    // that it is about to block. It also publishes the closure.
  } while (!inbox_.compare_exchange_weak(head, &owned, std::memory_order_seq_cst, std::memory_order_relaxed));
  // One wake is enough: whoever takes the mark away wakes the loop, and all that is pushed before it looks goes with it.
  if (waiting_.load(std::memory_order_seq_cst) && waiting_.exchange(false, std::memory_order_relaxed)) io.interrupt();
}

bool loop_door::post(call_node& owned) noexcept {
  const std::shared_lock pass(mutex_);
  if (loop_ == nullptr) return false;
  owned.schedule_in(*loop_);
  loop_->push_from_other_thread(owned);
  return true;
}

void loop_door::shut() noexcept {
  const std::unique_lock alone(mutex_);
  loop_ = nullptr;
}

void loop_core::take_inbox() noexcept {
  if (inbox_.load(std::memory_order_relaxed) == nullptr) return;
  call_node* newest = inbox_.exchange(nullptr, std::memory_order_acquire);
  call_node* oldest = nullptr;
  while (newest != nullptr) {
    call_node* const next = newest->inbox_next;
    newest->inbox_next = oldest;
    oldest = newest;
    newest = next;
  }
  for (; oldest != nullptr;) {
    call_node* const next = oldest->inbox_next;
    sched.push(*oldest);
    oldest = next;
  }
}

void loop_core::require_can_run() const {
  require_open();
  if (running) throw usage_error("nakh: this loop runs already; await the task instead of running the loop again");
  if (this_loop != nullptr) throw usage_error("nakh: another loop runs in this thread already; use nakh::async and await in it");
}

void loop_core::run_forever() {
  require_can_run();

  struct entered {
    explicit entered(loop_core& c) : core(c) {
      core.running = true;
      core.thread = static_cast<int>(syscall(SYS_gettid));
      this_loop = &core;
      core.sched.enter();
      outer_clock = std::exchange(current_virtual_clock(), core.virtual_time);
    }
    ~entered() {
      current_virtual_clock() = outer_clock;
      core.sched.leave_thread();
      this_loop = nullptr;
      core.running = false;
      core.stopping = false;
    }
    entered(const entered&) = delete;
    entered& operator=(const entered&) = delete;
    loop_core& core;
    virtual_clock* outer_clock = nullptr;
    sticky_flags_set flags;
    overflow_detection overflow;
  };
  const entered guard(*this);
  io.run([this] {
    do {
      run_once();
    } while (!stopping);
  });
}

void loop_core::run_once() {
  ++rounds;
  look_around(sched.idle() && !stopping);
  if (debugging) [[unlikely]]
    debugging->before_pass();
  sched.drive();
}

// Brings in what has become ready outside: other threads' calls, events, timers; in this order, behind what is queued.
void loop_core::look_around(bool may_block) {
  bool streams_alone = false;  // have been looked at, and had something
  take_inbox();
  if (may_block && sched.idle()) {
    busy_passes_ = 0;
    if (when_idle.empty()) {
      streams_alone = !wait_for_events();
    } else {
      io.poll();
      take_inbox();
    }
  } else if (virtual_time != nullptr) {
    io.poll();
    if (outside_work > 0) {
      busy_passes_ = 0;
    } else if (++busy_passes_ >= passes_until_spinning && !timers.empty()) {
      busy_passes_ = 0;
      virtual_time->jump_to(timers.next_deadline());
    }
  }
  time_point now = time();
  if (virtual_time != nullptr) {
    last_poll_ = now;
  } else {
    adapt_patience(now - last_look_);
    last_look_ = now;
    if (now - last_poll_ >= (streams_alone && !asio_had_something_ ? time_between_polls_of_streams : time_between_polls)) {
      asio_had_something_ = (streams_alone ? io.poll_asio() : io.poll()) > 0;
      last_poll_ = now;
    }
  }
  const auto fire = [this](timer& t) { sched.push(*t.fire); };
  timers.pop_due(now, fire);
  if (!real_timers.empty()) real_timers.pop_due(steady_now(), fire);
  if (may_block && sched.idle()) sched.push_all(when_idle);
}

void loop_core::adapt_patience(duration since_last_look) noexcept {
  const unsigned int patience = sched.patience();
  if (since_last_look < time_between_polls / 2) {
    sched.set_patience(std::min(patience * 2, most_switches_between_looks));
  } else if (since_last_look > time_between_polls) {
    sched.set_patience(std::max(patience / 2, fewest_switches_between_looks));
  }
}

// False: the reactor has looked at streams alone, since they had something.
bool loop_core::wait_for_events() {
  if (virtual_time != nullptr) {
    io.poll();
    take_inbox();
    if (!sched.idle()) return true;
    // What works outside ends at a virtual time that stands still, whatever it takes in the machine's.
    if (!timers.empty() && (outside_work == 0 || timers.next_deadline() <= time())) {
      if (expects_io() && timers.next_deadline() > time()) block(steady_now() + moment_for_io);
      if (sched.idle()) virtual_time->jump_to(timers.next_deadline());
      return true;
    }
  }
  std::optional<time_point> deadline;
  if (virtual_time != nullptr) {
    if (!real_timers.empty()) deadline = real_timers.next_deadline();
  } else if (!timers.empty()) {
    deadline = timers.next_deadline();
    if (*deadline <= time()) return true;
  }
  if (!deadline && sched.observer() != nullptr && outside_work == 0) {
    if (expects_io()) block(steady_now() + patience_with_io);
    if (!sched.idle() || sched.observer()->is_stuck()) return true;
  }
  if (!deadline && throw_deadlock != nullptr && deadlocks != deadlock_detection::off) {
    const time_point now = steady_now();
    if (now < deadlock_look_at_) {
      deadline = deadlock_look_at_;
    } else {
      const prospect coming = what_can_come();
      if (coming == prospect::nothing) throw_deadlock(*this);
      deadlock_look_at_ = now + time_between_deadlock_looks;
      if (coming == prospect::has_come) return true;
    }
  }
  sched.stacks().trim(warm_stacks, stacks_to_trim);
  if (!block(deadline)) return false;
  asio_had_something_ = true;  // or may have had
  last_poll_ = time();
  return true;
}

// Also brings in other threads' calls. False as the reactor's `wait`.
bool loop_core::block(std::optional<time_point> deadline) {
  bool has_seen_all = true;
  waiting_.store(true, std::memory_order_seq_cst);
  if (inbox_.load(std::memory_order_seq_cst) == nullptr) has_seen_all = io.wait(deadline);
  waiting_.store(false, std::memory_order_relaxed);
  take_inbox();
  return has_seen_all;
}

// The cheap questions first. The last one runs handlers, so that something may have become ready.
loop_core::prospect loop_core::what_can_come() {
  if (outside_work > 0 || io.waits_for_source() || io.watches_users_signals()) return prospect::something;
  if (deadlocks == deadlock_detection::automatic && !is_only_thread()) return prospect::something;
  const reactor::others seen = io.look_for_others();
  if (seen == reactor::others::were_served) return prospect::has_come;
  if (seen == reactor::others::wait) return prospect::something;
  take_inbox();
  return sched.idle() && timers.empty() ? prospect::nothing : prospect::has_come;
}

void loop_core::close() {
  if (running) throw usage_error("nakh: a running loop cannot be closed; stop it first");
  if (closed.exchange(true)) return;
  io.unwatch_all_signals();
  drop_calls();
  finish_tasks();
  door->shut();
  drop_calls();
  sched.run_hooks();
  if (const auto outside = std::move(threads)) outside->leave(*this);
}

void loop_core::drop_call(ready_node& n) noexcept { static_cast<call_node&>(n).release(); }

void loop_core::drop_calls() noexcept {
  io.unwatch_all_descriptors();
  take_inbox();
  timers.remove_if([](const timer& t) { return t.fire->kind == ready_kind::call; }, [this](timer& t) { sched.push(*t.fire); });
  sched.remove_calls(&drop_call);
}

// A suspended fiber is never destroyed: it is cancelled, and runs to its end.
// There is no waiting for time or events here: a cleanup that suspends for them is cancelled in turn.
void loop_core::finish_tasks() {
  if (!tasks.is_linked() && !generators.is_linked()) return;
  if (tasks.is_linked()) report_tasks(*this);
  constexpr int attempts = 100;
  closed = false;  // for what the tasks' cleanup starts
  for (int i = 0; i < attempts && (tasks.is_linked() || generators.is_linked()) && this_loop == nullptr; ++i) {
    if (tasks.is_linked()) {
      cancel_tasks(*this);
    } else {
      close_generators(*this);
    }
    try {
      do {
        stopping = true;  // one pass
        run_forever();
      } while (tasks.is_linked() && !sched.idle());
    } catch (...) {
      report({.message = "A task threw a fatal error while its loop was closed", .exception = std::current_exception()});
    }
  }
  closed = true;
  if (tasks.is_linked()) {
    report({.message = "A task refuses to end although its loop was closed; its stack is leaked"});
    add_ref();
  }
  if (generators.is_linked()) {
    report({.message = "A generator refuses to end although its loop was closed; its stack is leaked"});
    add_ref();
  }
}

void loop_core::report_call_error(const call_node& call) noexcept {
  try {
    report({.message = "Exception in callback", .exception = std::current_exception(), .where = call.where()});
  } catch (...) {
    std::fputs("nakh: an error could not be reported for lack of memory\n", stderr);
  }
}

// Of Asio's, on the loop's own stack.
void loop_core::report_handler_error() noexcept {
  try {
    throw;
  } catch (const fatal_error&) {
    sched.abort_pass(std::current_exception());
  } catch (...) {
    report({.message = "Exception in an I/O handler", .exception = std::current_exception()});
  }
}

void loop_core::report(const exception_context& context) noexcept {
  if (facade == nullptr || !on_exception) {
    print_exception_context(context);
    return;
  }
  const auto handler = on_exception;
  try {
    (*handler)(*facade, context);
  } catch (const fatal_error&) {
    sched.abort_pass(std::current_exception());
  } catch (...) {
    print_exception_context(context);
    print_exception_context({.message = "Unhandled error in exception handler", .exception = std::current_exception()});
  }
}

}  // namespace detail

// --- handle ---

void handle::cancel() noexcept {
  detail::call_node& call = *node_;
  if (!call.cancel() || call.is_shared()) return;
  // Nobody else can be about to run it: take it out of where it waits, and its closure goes with the last handle.
  if (call.clock.is_armed()) {
    call.loop->timers.cancel(call.clock);
  } else if (call.is_queued()) {
    call.loop->sched.remove(call);
  } else {
    return;
  }
  call.release();
}

// --- event_loop ---

event_loop::event_loop(loop_options options) : core_(new detail::loop_core(*this, options)) {}

event_loop::~event_loop() {
  if (!core_->running) {
    core_->close();
  } else {
    std::fputs("nakh: a running event_loop is destroyed, which cannot work\n", stderr);
    std::abort();
  }
  core_->facade = nullptr;
  core_->release();
}

void event_loop::require_open() const { core_->require_open(); }

void event_loop::require_can_run() const { core_->require_can_run(); }

void event_loop::run_forever() { core_->run_forever(); }

void event_loop::stop() noexcept {
  core_->stopping = true;
  core_->sched.ask_for_loop();
}

void event_loop::set_eager_start(bool eager) noexcept { core_->eager_start = eager; }

bool event_loop::is_running() const noexcept { return core_->running; }

void event_loop::close() { core_->close(); }

bool event_loop::is_closed() const noexcept { return core_->closed.load(std::memory_order_relaxed); }

time_point event_loop::time() const noexcept { return core_->time(); }

detail::ref<detail::call_node> event_loop::call_soon_node(detail::call_node* owned) {
  auto call = detail::ref<detail::call_node>::adopt(owned);
  core_->require_open();
  core_->require_own_thread("call_soon");
  call->schedule_in(*core_);
  call->add_ref();
  core_->push_call(*call);
  return call;
}

detail::ref<detail::call_node> event_loop::call_soon_threadsafe_node(detail::call_node* owned) {
  if (detail::this_loop == core_) return call_soon_node(owned);
  auto call = detail::ref<detail::call_node>::adopt(owned);
  core_->require_open();
  call->share();
  call->add_ref();
  const auto door = core_->door;  // the loop may end by this call, before we are out
  if (!door->post(*call)) {
    call->release();
    detail::throw_closed();
  }
  return call;
}

detail::ref<detail::call_node> event_loop::call_at_node(time_point deadline, detail::call_node* owned) {
  auto call = detail::ref<detail::call_node>::adopt(owned);
  core_->require_open();
  core_->require_own_thread("call_at");
  call->schedule_in(*core_);
  call->deadline = deadline;
  core_->arm(call->clock, deadline);
  call->add_ref();
  return call;
}

void event_loop::set_exception_handler(exception_handler handler) {
  core_->on_exception = handler ? std::make_shared<const exception_handler>(std::move(handler)) : nullptr;
}

void event_loop::call_exception_handler(const exception_context& context) noexcept { core_->report(context); }

void event_loop::default_exception_handler(const exception_context& context) noexcept { detail::print_exception_context(context); }

namespace {

void check_signal_number(int signal) {
  if (signal < 1 || signal >= NSIG) {
    throw std::invalid_argument("nakh: there is no signal " + std::to_string(signal) + "; signals are 1 to " + std::to_string(NSIG - 1));
  }
}

}  // namespace

void event_loop::add_signal_handler(int signal, std::function<void()> f) {
  check_signal_number(signal);
  core_->require_open();
  try {
    core_->io.watch_signal(signal, detail::reactor::watcher::user,
                           [this, in = copy_context(), f = std::move(f)] { in.run([&] { call_soon(f); }); });
  } catch (const std::system_error&) {
    throw usage_error("nakh: signal " + std::to_string(signal) + " cannot be caught");
  }
}

bool event_loop::remove_signal_handler(int signal) {
  check_signal_number(signal);
  return core_->io.unwatch_signal(signal);
}

event_loop::stack_figures event_loop::stacks() const noexcept {
  const auto s = core_->sched.statistics();
  return {.in_use = s.in_use, .pooled = s.pooled, .high_water = s.high_water};
}

std::size_t event_loop::pending_timers() const noexcept { return core_->timers.size(); }

void event_loop::trim_stacks() noexcept { core_->sched.stacks().trim(0, static_cast<std::size_t>(-1)); }

event_loop& get_running_loop() {
  if (detail::this_loop == nullptr) throw usage_error("nakh: no loop runs in this thread; call this inside nakh::run");
  return *detail::this_loop->facade;
}

}  // namespace nakh
