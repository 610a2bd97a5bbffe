// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>
#include <nakh/detail/block.hpp>
#include <nakh/detail/ready.hpp>
#include <nakh/detail/ref.hpp>
#include <nakh/error.hpp>
#include <nakh/source_location.hpp>

#include <atomic>
#include <cstddef>
#include <exception>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

namespace nakh {
struct exception_context;
}

namespace nakh::detail {

struct loop_core;
class task_core;

using cancel_reason = shared_text;

class future_state;

/// Loops of this process for which debug mode is or was on.
extern NAKH_API constinit std::atomic<int> loops_with_debug_mode;

struct completion;

/// What becomes of a completion.
struct completion_kind {
  /// Called once, by the code that completes the future, after the link was taken out; it only queues things.
  void (*notify)(completion&, future_state&) noexcept;
  /// Called instead when the future is dropped without ever being done; null for links whose owner keeps the future alive.
  void (*drop)(completion&) noexcept = nullptr;
};

/// Somebody who is to be told when a future is done: a link in the future's ring, in order of registration.
struct completion {
  explicit completion(const completion_kind& k) noexcept : kind(&k) {}
  completion(const completion&) = delete;
  completion& operator=(const completion&) = delete;

  [[nodiscard]] bool is_linked() const noexcept { return next != nullptr; }

  completion* next = nullptr;
  completion* prev = nullptr;
  const completion_kind* kind;
};

/// A library function that runs one pass after a future is done, as a done callback does.
struct done_hook : completion, hook {
  explicit done_hook(void (*f)(hook&) noexcept, const completion_kind& k = queued) noexcept : completion(k), hook(f) {}

  /// Queues the hook; runs it at once when the loop is closed, since nobody would later.
  static NAKH_API void queue(completion& self, future_state& done) noexcept;
  static NAKH_API const completion_kind queued;  ///< That, and no more.
};

/// Somebody who asks a future which ones it waits for.
class future_visitor {
 public:
  virtual void operator()(future_state& awaited) = 0;

 protected:
  ~future_visitor() = default;
};

enum class future_status : unsigned char { pending, finished, cancelled };

/// The part of a future that does not depend on its type. Counted references, in the loop's thread.
class NAKH_API future_state {
 public:
  explicit future_state(loop_core& loop) noexcept;
  future_state(const future_state&) = delete;
  future_state& operator=(const future_state&) = delete;

  void add_ref() noexcept { ++refs_; }
  void release() noexcept {
    if (--refs_ == 0) last_release();
  }
  [[nodiscard]] bool is_sole() const noexcept { return refs_ == 1; }

  [[nodiscard]] loop_core& loop() const noexcept { return *loop_; }
  [[nodiscard]] future_status status() const noexcept { return status_; }
  [[nodiscard]] bool done() const noexcept { return status_ != future_status::pending; }
  [[nodiscard]] bool succeeded() const noexcept { return status_ == future_status::finished && !holds_error_; }
  [[nodiscard]] bool failed() const noexcept { return status_ == future_status::finished && holds_error_; }

  /// As `cancel`, for users: debug mode looks at the thread. @throws usage_error
  bool request_cancel(const cancel_reason& reason) {
    require_own_thread("cancel");
    return cancel(reason);
  }
  /// Requests a cancellation; true when that had an effect.
  virtual bool cancel(const cancel_reason& reason) noexcept;
  /// The task that this future is of, or null.
  [[nodiscard]] virtual task_core* as_task() noexcept { return nullptr; }
  /// What it is, as a word for dumps.
  [[nodiscard]] virtual const char* kind() const noexcept { return "future"; }
  /// Shows the futures on whose ends its own depends: the children of a gather that is not done.
  virtual void for_each_awaited(future_visitor& visit);

  // Of a task alone:

  /// In a fiber: runs the body, stores its value, destroys the closure.
  virtual void run_body();
  /// The same without running it: it was cancelled before.
  virtual void discard_body() noexcept;
  /// The value is not to be had: the task was cancelled after all.
  virtual void drop_value() noexcept;

  /// Suspends the current task until done. Returns at once when it is.
  void wait() {
    if (!done()) wait_for_completion();
  }
  /// Throws what `wait` would, without waiting. @throws usage_error
  void require_awaitable_here() const;
  /// Throws what a done future has to throw, and counts it as retrieved.
  /// @throws invalid_state_error  when it is not done.
  void require_value() {
    if (status_ != future_status::finished || holds_error_) [[unlikely]]
      throw_outcome();
  }
  /// The error, or null. @throws cancelled_error, invalid_state_error
  [[nodiscard]] std::exception_ptr exception();
  /// The error without marking it as retrieved; null when there is none.
  [[nodiscard]] std::exception_ptr peek_error() const noexcept { return holds_error_ ? error_ : nullptr; }
  void mark_retrieved() noexcept { retrieved_ = true; }
  /// Of its latest cancellation; none once it has an error.
  [[nodiscard]] cancel_reason reason() const noexcept { return holds_error_ ? cancel_reason() : reason_; }
  void note_reason(const cancel_reason& reason) noexcept;
  /// With what a task's body has ended, before it is clear what that makes of the task.
  void note_error(std::exception_ptr error) noexcept;
  [[nodiscard]] bool has_noted_error() const noexcept { return holds_error_; }
  [[nodiscard]] std::exception_ptr take_noted_error() noexcept;

  /// @throws invalid_state_error  when it is done already.
  void require_pending() const {
    if (done()) throw_already_done();
  }
  /// In debug mode, for what only the loop's thread may do.
  /// @throws usage_error  when another thread runs the loop.
  void require_own_thread(const char* function) const {
    // Relaxed: whoever turns debug mode on has nothing to publish.
    if (loops_with_debug_mode.load(std::memory_order_relaxed) != 0) [[unlikely]]
      check_own_thread(function);
  }
  /// In debug mode, keeps where it was created. @throws std::bad_alloc
  void set_origin(const source_location& where) {
    if (loops_with_debug_mode.load(std::memory_order_relaxed) != 0) [[unlikely]]
      keep_origin(where);
  }
  /// That place; line 0 when it is not known.
  [[nodiscard]] source_location origin() const noexcept;
  /// Ends it with an error.
  void fail(std::exception_ptr error) noexcept;
  /// Ends it with the value that was stored before.
  void finish() noexcept { complete(future_status::finished); }
  /// Ends it as cancelled.
  void finish_cancelled(const cancel_reason& reason) noexcept;

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdangling-pointer"  // many a `c` is a local variable, which is taken out before it ends
#endif
  /// `c` is told when this is done; at once when it is.
  void subscribe(completion& c) noexcept {
    if (done()) {
      c.kind->notify(c, *this);
    } else {
      subscribe_while_pending(c);
    }
  }
  /// The same when it is known not to be done.
  void subscribe_while_pending(completion& c) noexcept {
    if (last_ == nullptr) {
      c.next = c.prev = &c;
    } else {
      completion* const first = last_->next;
      c.next = first;
      c.prev = last_;
      first->prev = last_->next = &c;
    }
    last_ = &c;
  }
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
  /// Takes `c` out of its future's list.
  void unlink(completion& c) noexcept {
    if (c.next == &c) {
      last_ = nullptr;
    } else {
      c.prev->next = c.next;
      c.next->prev = c.prev;
      if (last_ == &c) last_ = c.prev;
    }
    c.next = nullptr;
  }
  /// Takes `h` out of its future's list, or of the ready queue when it is there already.
  void withdraw(done_hook& h) noexcept;
  /// Takes out and drops the links for which `chosen` is true; how many they were.
  template <class Chosen>
  std::size_t drop_if(Chosen&& chosen) noexcept {
    // Dropping runs destructors of closures, which may come back here: whatever was seen before is not relied on afterwards.
    std::size_t count = 0;
    while (completion* const c = find_if(chosen)) {
      unlink(*c);
      c->kind->drop(*c);
      ++count;
    }
    return count;
  }

 protected:
  virtual ~future_state();
  /// What an exception handler is told about an error that nobody retrieved.
  virtual void describe_unretrieved(exception_context& context);

 private:
  template <class Chosen>
  completion* find_if(Chosen& chosen) const noexcept {
    if (last_ == nullptr) return nullptr;
    completion* c = last_;
    do {
      c = c->next;
      if (chosen(*c)) return c;
    } while (c != last_);
    return nullptr;
  }
  void check_own_thread(const char* function) const;
  void keep_origin(const source_location& where);
  void wait_for_completion();
  void complete(future_status status) noexcept;
  [[noreturn]] void throw_outcome();
  [[noreturn]] void throw_already_done() const;
  void last_release() noexcept;
  void report_unretrieved() noexcept;

  loop_core* loop_;
  int refs_ = 1;
  future_status status_ = future_status::pending;
  bool retrieved_ = false;
  bool has_origin_ = false;
  bool holds_error_ = false;
  completion* last_ = nullptr;  ///< Of the ring of those who are to be told: its next is the first.
  union {                       // A future has no use for both.
    std::exception_ptr error_;
    cancel_reason reason_;
  };
};

/// What is kept in place of a result: references as pointers, void as nothing.
template <class T>
using stored =
    std::conditional_t<std::is_void_v<T>, std::monostate, std::conditional_t<std::is_reference_v<T>, std::remove_reference_t<T>*, T>>;

/// Room for that. None for void: whether there is a result is known anyway.
template <class T>
using room_for = std::conditional_t<std::is_void_v<T>, std::monostate, std::optional<stored<T>>>;

/// A future of a T, wherever its value comes from.
template <class T>
class result_state : public future_state {
 public:
  using future_state::future_state;

  /// The value, once done. `last` says that nobody else can ask again, so that it may be moved out.
  T result(bool last) {
    require_value();
    return take(last);
  }

 protected:
  virtual T take(bool last) = 0;
};

[[noreturn]] NAKH_API void throw_result_taken();

/// A future that holds its value itself.
template <class T>
class value_state : public result_state<T> {
 public:
  using result_state<T>::result_state;

  template <class... Args>
  void store([[maybe_unused]] Args&&... args) {
    if constexpr (!std::is_void_v<T>) value_.emplace(std::forward<Args>(args)...);
  }
  void drop_value() noexcept final {
    if constexpr (!std::is_void_v<T>) value_.reset();
  }
  [[nodiscard]] room_for<T>& stored_value() noexcept { return value_; }

  static void* operator new(std::size_t size) { return allocate_block(size); }
  static void operator delete(void* p, std::size_t size) noexcept { free_block(p, size); }

 protected:
  T take(bool last) override {
    if constexpr (std::is_void_v<T>) {
      static_cast<void>(last);
    } else if constexpr (std::is_reference_v<T>) {
      static_cast<void>(last);
      return static_cast<T>(**value_);
    } else {
      if (!value_) throw_result_taken();
      if constexpr (std::is_copy_constructible_v<T>) {
        if (!last) return *value_;
        return std::move(*value_);
      } else {
        // Can be had once only.
        T v = std::move(*value_);
        value_.reset();
        return v;
      }
    }
  }

 private:
  [[no_unique_address]] room_for<T> value_;
};

/// The loop that runs in this thread. @throws usage_error
[[nodiscard]] NAKH_API loop_core& running_loop_core();

}  // namespace nakh::detail
