// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>
#include <nakh/detail/ring_link.hpp>
#include <nakh/source_location.hpp>

namespace nakh::detail {

struct loop_core;
class scheduler;

enum class generator_state : unsigned char {
  created,    ///< No item was asked for: the body has not begun.
  suspended,  ///< At a yield.
  running,    ///< A task is in it, and may be parked there.
  ended,
};

/// What the body is told when it goes on.
enum class generator_order : unsigned char { go_on, exit, fail };

/// The part of a generator that its loop knows, whose body may be a function or a coroutine. Linked in its loop while it is open.
/// Counted references, in the loop's thread.
struct NAKH_API open_generator : ring_link {
  open_generator() noexcept = default;
  open_generator(const open_generator&) = delete;
  open_generator& operator=(const open_generator&) = delete;

  void add_ref() noexcept { ++refs; }
  void release() noexcept {
    if (--refs == 0) destroy();
  }
  /// In a task of its loop: ends it, and waits until it has ended. Throws what the body throws.
  virtual void close() = 0;

  /// @throws usage_error  when somebody is in it.
  void require_free() const;
  /// @throws usage_error  when it belongs to another loop than the running one.
  void require_own_loop() const;
  [[noreturn]] static void throw_sent_too_early();
  [[noreturn]] static void throw_yielded_while_closed();
  /// It begins, and belongs to the running loop from now on.
  void open();
  /// It has ended.
  void end() noexcept;
  /// The owner goes: a suspended one is closed, at once or by a task that the loop makes.
  void drop() noexcept;

  bool is_dropped = false;  ///< The handle is gone, and its reference still counts: whoever closes it takes that over.
  bool is_closing = false;  ///< Somebody is in `close`.
  generator_state state = generator_state::created;
  generator_order order = generator_order::go_on;
  int refs = 1;
  scheduler* sched = nullptr;
  loop_core* loop = nullptr;  ///< Counted, from the first step to the end.
  source_location where;

 protected:
  ~open_generator();
  virtual void destroy() noexcept = 0;
};

/// While somebody is in `close`.
class closing_mark {
 public:
  explicit closing_mark(open_generator& g) noexcept : of_(g) { of_.is_closing = true; }
  ~closing_mark() { of_.is_closing = false; }
  closing_mark(const closing_mark&) = delete;
  closing_mark& operator=(const closing_mark&) = delete;

 private:
  open_generator& of_;
};

}  // namespace nakh::detail
