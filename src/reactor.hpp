// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "descriptor_set.hpp"

#include <nakh/detail/ready_source.hpp>
#include <nakh/time.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>

namespace boost::asio {
class io_context;
}

namespace nakh::detail {

/// Where a loop waits for the outside world: Boost.Asio's io_context. The only place that blocks a thread.
/// @par Thread safety  The loop's thread only, apart from `interrupt`.
class reactor {
 public:
  /// `on_error` is called while an exception is handled that a handler of somebody else's has thrown.
  explicit reactor(std::function<void()> on_error);
  ~reactor();
  reactor(const reactor&) = delete;
  reactor& operator=(const reactor&) = delete;

  /// For operations of others.
  [[nodiscard]] boost::asio::io_context& context() noexcept;

  /// Calls `loop`, which polls and waits, in this thread. @throws what it throws
  template <class Loop>
  void run(Loop loop) {
    run_inside(&loop, [](void* l) { (*static_cast<Loop*>(l))(); });
  }
  /// Runs the handlers of what has happened; does not block. How many of Asio's it were.
  std::size_t poll();
  /// The same without the source, which has just been looked at.
  std::size_t poll_asio();
  /// Blocks until something happens, `interrupt` is called or `deadline` passes (none: for ever); then as `poll`. False: it was
  /// the source that had something, and what Asio has was not looked at.
  bool wait(std::optional<time_point> deadline);
  /// Makes the wait that is going on, or else the next one, return; a `poll` before that takes it back. Any thread.
  void interrupt() noexcept;

  /// One source, from now on.
  void look_at(ready_source& source) noexcept;
  /// Whether somebody waits for it.
  [[nodiscard]] bool waits_for_source() const noexcept;

  /// Who wants to know of a signal.
  enum class watcher : unsigned char {
    library,
    user,  ///< Whose handler may wake tasks.
  };
  /// Calls `on_signal` from `poll` or `wait` each time the signal arrives; replaces an earlier one.
  /// @throws std::system_error  when the system refuses (SIGKILL).
  void watch_signal(int number, watcher who, std::function<void()> on_signal);
  /// Back to the signal's default disposition. False when it was not watched.
  bool unwatch_signal(int number) noexcept;
  void unwatch_all_signals() noexcept;
  [[nodiscard]] bool watches_users_signals() const noexcept;

  /// Calls `on_ready` from `poll` or `wait` as long as the descriptor is ready: see `descriptor_set`. The descriptor stays as it
  /// is: Asio, given it, would make it non-blocking, for all who share it.
  /// @throws std::system_error  when the system refuses it.
  void watch_descriptor(int fd, descriptor_set::direction d, std::function<void()> on_ready);
  /// False when it was not watched.
  bool unwatch_descriptor(int fd, descriptor_set::direction d) noexcept;
  void unwatch_all_descriptors() noexcept;
  [[nodiscard]] bool watches_descriptors() const noexcept;

  /// Whether anybody but the loop itself has an operation under way here, which will wake it some day.
  enum class others {
    none,
    wait,
    were_served,  ///< Handlers had something to do now, other than to be asked.
  };
  /// Takes some microseconds; as `poll` otherwise.
  [[nodiscard]] others look_for_others();

 private:
  void run_inside(void* loop, void (*call)(void*));
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace nakh::detail
