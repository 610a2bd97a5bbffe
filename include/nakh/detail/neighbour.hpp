// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>
#include <nakh/detail/ref.hpp>
#include <nakh/detail/state.hpp>
#include <nakh/time.hpp>

#include <memory>

namespace nakh::detail {

struct fiber;

/// Another runtime of fibers in a loop's thread: its fibers take turns in the loop's ready queue, each is a task there, and all that
/// suspends a task suspends it. To be derived from by who knows that runtime.
///
/// Of its stacks there are three kinds: those of its fibers (*guests*), the loop's own (the *host*'s), and perhaps one on which it
/// looks after itself (the *attendant*'s). It switches from one to another by itself, and tells before it does.
/// @par Thread safety  The loop's thread only, apart from `knock`.
class NAKH_API neighbour {
 public:
  neighbour(const neighbour&) = delete;
  neighbour& operator=(const neighbour&) = delete;

  /// Suspends the current task until no guest is left; a cancellation that comes meanwhile is delivered at the task's next
  /// suspension.
  void wait_until_empty();
  /// Guests that have not ended.
  [[nodiscard]] std::size_t guests() const noexcept;
  [[nodiscard]] static future_state& task_of(fiber& guest) noexcept;
  [[nodiscard]] loop_core& loop() const noexcept;
  /// Whether a guest is what runs.
  [[nodiscard]] bool runs_guest() const noexcept { return running_guest() != nullptr; }
  /// Suspends the current task until `task` is done. A cancellation ends the wait, without a request to the task.
  /// @throws cancelled_error, usage_error
  static void wait_for_end(future_state& task);

 protected:
  /// In the running loop. `what` its guests wait for when it is nothing of nakh's, as a word for dumps. `keeps_exceptions`: its
  /// switches look after the C++ runtime's record of exceptions.
  /// @throws usage_error  outside a task that is a fiber
  neighbour(const char* what, bool keeps_exceptions);
  virtual ~neighbour();

  // --- What it is asked to do, on the host's stack ---

  /// Lets the guest run. Returns when the host has its stack back.
  virtual void run(fiber& guest) noexcept = 0;
  /// Looks after itself: it has been knocked, or the time has come for which `attend_at` asked.
  virtual void attend() noexcept = 0;

  /// On the stack of the guest that runs: suspends it, by what the runtime has for that.
  virtual void suspend() noexcept = 0;

  // --- What it may ask for ---

  /// A new guest, which waits for nothing and is not ready; it counts one for the returned reference. `theirs` is what the runtime
  /// knows it by, which lies at the top of its stack.
  [[nodiscard]] fiber& add_guest(void* theirs);
  /// The same for a task that was made for it, and not started.
  [[nodiscard]] fiber& add_guest(future_state& task, void* theirs) noexcept;
  [[nodiscard]] static void* theirs(const fiber& guest) noexcept;
  /// Gives the reference back.
  static void drop(fiber& guest) noexcept;
  /// It is the guest's turn in the next pass.
  void make_ready(fiber& guest) noexcept;
  /// Runs the body of the guest's task; on its own stack.
  static void run_body(fiber& guest) noexcept;
  /// The guest has ended: and so does its task, unless its body has run.
  void end(fiber& guest) noexcept;

  /// In `run`: the guest runs now.
  void begin(fiber& guest) noexcept;
  /// `guest` runs now, at once, on top of whoever calls, who is interrupted: the host, until `host_goes_on`.
  void begin_at_once(fiber& guest) noexcept;
  /// `guest` runs now, at once, in the place of the one that did.
  void begin_instead(fiber& guest) noexcept;
  /// Null when it is no guest that runs.
  [[nodiscard]] fiber* running_guest() const noexcept;
  /// Whether the host was interrupted, and must be the next to run.
  [[nodiscard]] bool has_interrupted() const noexcept;
  /// The one that has the next turn, which runs now; null: nobody, or the host. No other guest runs any more in either case.
  [[nodiscard]] fiber* next() noexcept;
  /// No guest runs now: the attendant will.
  void stop_guest() noexcept;
  /// Whether anybody has a turn to come.
  [[nodiscard]] bool is_anybody_ready() const noexcept;
  /// The host goes on now.
  void host_goes_on() noexcept;

  /// The guest that runs, or ran last, waits from now on; for something of its runtime's, unless it knows better.
  void note_wait(fiber& guest) noexcept;
  /// The last thing on one stack before the switch to another, or the first thing after it; null: the attendant's.
  [[nodiscard]] fiber& host() noexcept;
  [[nodiscard]] fiber& attendant() noexcept;
  /// `top` of the attendant's stack, once it is known.
  void set_attendant(void* top) noexcept;
  void leave(fiber& from, fiber& to, bool for_ever) noexcept;

  /// Has `attend` called soon.
  void ask_for_attention() noexcept;
  /// The same. Any thread.
  void knock() noexcept;
  /// The same at a time of the machine's clock; replaces an earlier time.
  void attend_at(std::chrono::steady_clock::time_point when) noexcept;
  void attend_at_no_time() noexcept;
  /// Ends the program because whoever runs, who is no guest, would block the thread. Says who does `what`, and what to do `instead`.
  [[noreturn]] void refuse_to_block(const char* what, const char* instead) noexcept;

 private:
  struct bridge;
  std::shared_ptr<bridge> bridge_;  ///< Shared with calls that are under way.
};

}  // namespace nakh::detail
