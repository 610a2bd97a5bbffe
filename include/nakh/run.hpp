// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>
#include <nakh/loop.hpp>
#include <nakh/source_location.hpp>
#include <nakh/task.hpp>

#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace nakh {

/// Settings of `run` and `runner`.
struct run_options {
  /// Virtual time; null: as `loop_options::clock`.
  virtual_clock* clock = nullptr;
  /// Most stacks of each size, and a task's default stack: see `loop_options`.
  loop_options loop = {};
  /// Makes the loop instead; is called once.
  std::function<std::unique_ptr<event_loop>()> loop_factory = {};
  /// How long the end waits for the default executor's jobs, in the machine's time; beyond that a warning goes to the
  /// exception handler, and the threads are left alone (T-run-11).
  duration executor_limit = std::chrono::seconds(300);
};

/// One loop for several runs one after the other: what one run leaves behind goes on in the next.
/// @par Thread safety  One thread.
/// @par Source         asyncio.Runner (CPython 3.14).
class NAKH_API runner {
 public:
  /// With settings that hold for all of its runs; the loop itself is made when it is first needed.
  explicit runner(run_options options = {});
  /// Closes it. An error that leaves the closing is printed, unless it is the one that has left `run`.
  ~runner();
  runner(const runner&) = delete;
  runner& operator=(const runner&) = delete;

  /// Runs `f` as a task of the loop until it ends; returns its result or throws its error. Tasks that it left behind
  /// are not cancelled (T-run-06). All runs share one context, a copy of the current one when the loop was made (T-ctx-05).
  ///
  /// In the main thread, when SIGINT has its default disposition, an interrupt cancels the task; if it ends by that,
  /// `keyboard_interrupt` is thrown; a second one ends the run at once (T-sig-01 to -03).
  /// @throws usage_error         when closed; inside a running loop.
  /// @throws keyboard_interrupt
  template <class F>
    requires std::is_invocable_v<std::decay_t<F>&&>
  detail::task_result<F> run(F&& f, source_location where = source_location::current()) {
    prepare_run();
    auto main = get_loop().create_task(task_options{.where = where, .context = context_}, std::forward<F>(f));
    run_main(main);
    return std::move(main).await();
  }
  /// Its loop, which is made now if there is none yet.
  /// @throws usage_error  when closed.
  [[nodiscard]] event_loop& get_loop();
  /// Cancels the tasks that are left and waits for their ends, closes the generators that are left, waits for the default
  /// executor's jobs (T-run-04, T-run-10); then closes the loop. Closing again does nothing.
  /// @throws keyboard_interrupt, system_exit  when one of those tasks ends by it.
  void close();

 private:
  void prepare_run();
  void run_main(const any_task& main);

  enum class state : unsigned char { created, open, closed };
  run_options options_;
  std::unique_ptr<event_loop> loop_;
  std::optional<context> context_;  ///< That the main tasks of all runs share.
  state state_ = state::created;
  std::exception_ptr left_run_;  ///< The error that ended the last run at once, before its task had ended.
};

/// Runs `f` in a fresh loop: returns its result or throws its error, after every task that is left was cancelled and
/// has ended, its cleanup included (T-run-02), every generator that is left is closed (T-agen-06), and the default executor's
/// threads have done their work (T-run-10).
///
/// @throws usage_error         inside a running loop.
/// @throws keyboard_interrupt  see `runner::run`.
/// @throws whatever f throws
/// @par Thread safety  Any thread; each has its own loop.
/// @par Source         asyncio.run (CPython 3.14).
/// @snippet 02-run/stackful.cpp main
template <class F>
  requires std::is_invocable_v<std::decay_t<F>&&>
detail::task_result<F> run(run_options options, F&& f, source_location where = source_location::current()) {
  runner r(std::move(options));
  if constexpr (std::is_void_v<detail::task_result<F>>) {
    r.run(std::forward<F>(f), where);
    r.close();
  } else {
    detail::task_result<F> result = r.run(std::forward<F>(f), where);
    r.close();
    return result;
  }
}
template <class F>
  requires std::is_invocable_v<std::decay_t<F>&&>
detail::task_result<F> run(F&& f, source_location where = source_location::current()) {
  return run(run_options{}, std::forward<F>(f), where);
}

}  // namespace nakh
