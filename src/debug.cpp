// SPDX-License-Identifier: BSL-1.0
#include <nakh/debug.hpp>

#include "loop_core.hpp"
#include "sanitizers.hpp"
#include "stack_walk.hpp"
#include "task_core.hpp"
#include "trace.hpp"

#include <pthread.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <utility>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

namespace nakh {

namespace detail {

constinit std::atomic<int> loops_with_debug_mode = 0;

namespace {

class step_watch;

/// The one that measures a step in this thread now; null between steps. Read in the signal handler.
thread_local constinit std::atomic<step_watch*> this_watch __attribute__((tls_model("initial-exec"))) = nullptr;

// --- The clock that interrupts a step ---

/// A timer of this thread that sends it a signal. It is not set and unset for each step, which would take two system calls:
/// it runs on, and the handler looks whether the step that it meets is old enough, and sets it again if not.
struct limit_timer {
  timer_t id{};
  bool is_made = false;
  std::atomic<bool> is_set = false;  ///< Atomic for the handler's sake.
  duration limit{};                  ///< For which it was set.
  const std::byte* stack = nullptr;  ///< The thread's own: its lowest address.

  /// In the handler too.
  void set(duration d) noexcept {
    const long long ns = std::max<long long>(d.count(), 1);  // 0 would unset it
    itimerspec when{};
    when.it_value.tv_sec = static_cast<std::time_t>(ns / 1'000'000'000);
    when.it_value.tv_nsec = static_cast<long>(ns % 1'000'000'000);
    is_set.store(true, std::memory_order_relaxed);  // first: the signal may come before the call is over
    // A child process has the number of its parent's timer, but no timer: then there are no stacks.
    if (timer_settime(id, 0, &when, nullptr) != 0) is_set.store(false, std::memory_order_relaxed);
  }
};
thread_local constinit limit_timer this_timer __attribute__((tls_model("initial-exec")));

void on_limit(int signal, siginfo_t* info, void* machine) noexcept;

// A real-time signal that nobody uses; 0 when there is none. The last two may be those of a tool that runs the program.
int free_signal() noexcept {
  for (int signal = SIGRTMAX - 2; signal >= SIGRTMIN; --signal) {
    struct sigaction present{};
    if (sigaction(signal, nullptr, &present) != 0 || (present.sa_flags & SA_SIGINFO) != 0 || present.sa_handler != SIG_DFL) continue;
    struct sigaction action{};
    action.sa_sigaction = &on_limit;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;  // a task's stack may have no room for a handler
    sigfillset(&action.sa_mask);
    if (sigaction(signal, &action, nullptr) == 0) return signal;
  }
  return 0;
}

const std::byte* lowest_of_own_stack() noexcept {
  pthread_attr_t attributes{};
  void* lowest = nullptr;
  std::size_t size = 0;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) return nullptr;
  pthread_attr_getstack(&attributes, &lowest, &size);
  pthread_attr_destroy(&attributes);
  return static_cast<const std::byte*>(lowest);
}

bool make_timer_of_thread() noexcept {
  static const int signal = free_signal();
  struct closer {
    ~closer() {
      if (std::exchange(this_timer.is_made, false)) timer_delete(this_timer.id);
    }
  };
  static thread_local const closer at_thread_end;
  static_cast<void>(at_thread_end);
  if (signal == 0) return false;
  sigevent event{};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = signal;
  event.sigev_notify_thread_id = static_cast<pid_t>(syscall(SYS_gettid));
  this_timer.stack = lowest_of_own_stack();
  this_timer.is_made = timer_create(CLOCK_MONOTONIC, &event, &this_timer.id) == 0;
  return this_timer.is_made;
}

// --- The watch ---

std::string format_created(const source_location& where) {
  return where.line() == 0 ? "" : " created at " + std::string(where.file_name()) + ":" + std::to_string(where.line());
}

/// Measures each step of a loop, and keeps the stack of one that takes too long.
class step_watch final : public debug_side, public step_observer {
 public:
  explicit step_watch(loop_core& loop) : loop_(loop) { loops_with_debug_mode.fetch_add(1, std::memory_order_relaxed); }
  ~step_watch() override { loops_with_debug_mode.fetch_sub(1, std::memory_order_relaxed); }
  step_watch(const step_watch&) = delete;
  step_watch& operator=(const step_watch&) = delete;

  // --- debug_side ---

  // Another observer, of a test, comes first: then nothing is measured.
  void before_pass() noexcept override {
    const bool on = loop_.debug.load(std::memory_order_relaxed);
    if (on && loop_.sched.observer() == nullptr) {
      loop_.sched.set_observer(this);
    } else if (!on && loop_.sched.observer() == this) {
      loop_.sched.set_observer(nullptr);
    }
  }
  void set_origin(const future_state& of, const source_location& where) override { origins_[&of] = where; }
  [[nodiscard]] source_location origin(const future_state& of) const noexcept override {
    const auto found = origins_.find(&of);
    return found != origins_.end() ? found->second : source_location();
  }
  void forget_origin(const future_state& of) noexcept override { origins_.erase(&of); }

  // --- step_observer ---

  void begin_step(ready_node& node) noexcept override {
    kind_ = node.kind;
    if (kind_ == ready_kind::hook) return;  // nobody's but the library's
    name_[0] = '\0';
    if (kind_ == ready_kind::call) {
      where_ = static_cast<const call_node&>(node).where();
    } else {
      const auto& task = task_core::of(static_cast<const routine&>(node));
      where_ = task.where();
      note_name(task);
    }
    frame_ = static_cast<const std::byte*>(__builtin_frame_address(0));
    snapshot_.clear();
    limit_ = loop_.slow_step;
    if (!this_timer.is_set.load(std::memory_order_relaxed) || limit_ < this_timer.limit) {
      if (this_timer.is_made || make_timer_of_thread()) {
        this_timer.limit = limit_;
        this_timer.set(limit_);
      }
    }
    began_ = steady_now();
    // Release, for the handler in this thread: it sees what was noted before.
    std::atomic_signal_fence(std::memory_order_release);
    this_watch.store(this, std::memory_order_relaxed);
  }
  void end_step() noexcept override {
    if (kind_ == ready_kind::hook) return;
    this_watch.store(nullptr, std::memory_order_relaxed);
    std::atomic_signal_fence(std::memory_order_acquire);
    const duration took = steady_now() - began_;
    if (took >= limit_) report(took);
  }

  /// In the signal handler.
  void interrupt(const void* machine) noexcept {
    const time_point now = steady_now();
    const time_point end = after(began_, limit_);
    if (now < end) {
      this_timer.limit = limit_;
      this_timer.set(end - now);
      return;
    }
    if (!snapshot_.is_empty()) return;
    const std::byte* const at = stack_snapshot::stack_pointer(machine);
    if (at == nullptr) return;
    const fiber* const f = loop_.sched.stack_owner();
    const stack own = f != nullptr ? f->present_stack() : stack{};
    const bool in_task = own.top != nullptr && at < own.top &&
                         static_cast<std::size_t>(own.top - at) <= stack_pool::usable_size(own.size_class) &&
                         loop_.sched.stacks().contains(at);
    if (in_task) {
      note_name(task_core::of(*f));  // it may have been named meanwhile
      snapshot_.take(machine, own.top);
    } else if (this_timer.stack != nullptr && this_timer.stack <= at && at < frame_) {
      snapshot_.take(machine, frame_);
    }
    // Else it is on a stack that the program has made itself, whose end is not known.
  }

 private:
  void note_name(const task_core& task) noexcept { loop_.sched.owner().write_name(task.routine(), name_.data(), name_.size()); }

  void report(duration took) noexcept {
    const auto handler = loop_.on_slow_step;
    try {
      slow_callback slow;
      slow.took = took;
      slow.source = name_.data();
      slow.where = where_;
      std::array<char, 32> seconds{};
      std::snprintf(seconds.data(), seconds.size(), "%.3f", std::chrono::duration<double>(took).count());
      slow.message = "Executing <" + (kind_ == ready_kind::call ? "Handle" : "Task '" + slow.source + "'") + format_created(where_) +
                     "> took " + seconds.data() + " seconds";
      if (snapshot_.is_empty()) {
        slow.no_stack = "it could not be interrupted in time";
      } else {
        slow.no_stack = walk_snapshot(snapshot_, slow.stack);
      }
      if (handler && loop_.facade != nullptr) {
        (*handler)(*loop_.facade, slow);
      } else {
        std::fputs(("nakh: " + format_slow_callback(slow)).c_str(), stderr);
      }
    } catch (const fatal_error&) {
      loop_.sched.abort_pass(std::current_exception());
    } catch (const std::bad_alloc&) {
      std::fputs("nakh: a slow callback could not be reported for lack of memory\n", stderr);
    } catch (...) {
      loop_.report({.message = "Unhandled error in slow callback handler", .exception = std::current_exception()});
    }
  }

  loop_core& loop_;
  std::unordered_map<const future_state*, source_location> origins_;

  // Of the present step; what the handler reads is written before `this_watch`.
  ready_kind kind_ = ready_kind::hook;
  source_location where_;
  std::array<char, 256> name_{};
  const std::byte* frame_ = nullptr;  ///< A callback runs below it, on the loop's own stack.
  duration limit_{};
  time_point began_{};
  stack_snapshot snapshot_;
};

void on_limit(int /*signal*/, siginfo_t* /*info*/, void* machine) noexcept {
  const int error = errno;
  this_timer.is_set.store(false, std::memory_order_relaxed);
  step_watch* const watch = this_watch.load(std::memory_order_relaxed);
  std::atomic_signal_fence(std::memory_order_acquire);  // against the release in begin_step
  if (watch != nullptr) {
#if defined(NAKH_TSAN)
    // It holds most signals back until the code comes to it by itself, and calls this from there: by then what was below
    // the interrupted place on the stack is another call's.
    ucontext_t here{};
    if (getcontext(&here) == 0) watch->interrupt(&here);
#endif
    watch->interrupt(machine);
  }
  errno = error;
}

}  // namespace

std::unique_ptr<debug_side> make_debug_side(loop_core& loop) { return traced(loop, std::make_unique<step_watch>(loop)); }

bool environment_wants_debug_mode() noexcept {
  const char* const wanted = std::getenv("NAKH_DEBUG");
  return wanted != nullptr && !std::string_view(wanted).empty() && std::string_view(wanted) != "0";
}

void loop_core::check_own_thread(const char* function) const {
  // A loop that does not run may be prepared by any thread, as long as its user sees to it that one does at a time.
  if (this_loop == this || !running.load(std::memory_order_relaxed)) return;
  throw usage_error("nakh: " + std::string(function) +
                    " was called in another thread than the one that runs the loop; use call_soon_threadsafe");
}

}  // namespace detail

std::string format_slow_callback(const slow_callback& slow) {
  std::string text = slow.message + "\n";
  if (!slow.no_stack.empty()) text += "    no stack: " + slow.no_stack + "\n";
  for (const stack_entry& e : slow.stack) text += "    " + detail::format_step(e) + "\n";
  return text;
}

// --- event_loop ---

void event_loop::set_debug(bool on) {
  if (on && !core_->debugging) core_->debugging = detail::make_debug_side(*core_);
  core_->debug.store(on, std::memory_order_relaxed);
  core_->sched.ask_for_loop();
}

bool event_loop::get_debug() const noexcept { return core_->debug.load(std::memory_order_relaxed); }

void event_loop::set_slow_callback_duration(duration d) noexcept { core_->slow_step = d; }

duration event_loop::slow_callback_duration() const noexcept { return core_->slow_step; }

void event_loop::set_slow_callback_handler(slow_callback_handler handler) {
  core_->on_slow_step = handler ? std::make_shared<const slow_callback_handler>(std::move(handler)) : nullptr;
}

}  // namespace nakh
