// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>
#include <nakh/detail/block.hpp>
#include <nakh/detail/ready.hpp>
#include <nakh/detail/timer.hpp>
#include <nakh/detail/variables.hpp>
#include <nakh/source_location.hpp>

#include <atomic>
#include <type_traits>
#include <utility>

namespace nakh::detail {

struct loop_core;

/// A user's callback in the ready queue or behind a timer: the closure, its place in the queue, and whether it was
/// cancelled, in one pooled block. Counted references: the queue (or timer) holds one, each handle another.
class NAKH_API call_node : public ready_node {
 public:
  enum class state : unsigned char { waiting, started, cancelled };

  virtual ~call_node() = default;
  /// Runs the closure; whatever it throws comes out.
  virtual void run() = 0;

  void add_ref() noexcept { change_refs(1); }
  void release() noexcept {
    if (change_refs(-1) == 0) delete this;
  }
  /// False when it has started or was cancelled before. Any thread, when the node is shared between threads.
  bool cancel() noexcept { return leave_waiting(state::cancelled); }
  /// Claims the right to run it, once.
  bool start() noexcept { return leave_waiting(state::started); }
  [[nodiscard]] bool cancelled() const noexcept { return state_.load(std::memory_order_relaxed) == state::cancelled; }

  /// It belongs to this loop now, and runs in a copy of the current context.
  void schedule_in(loop_core& own) noexcept {
    loop = &own;
    variables = current_variables().copy();
  }
  /// From now on other threads hold references too.
  void share() noexcept { shared_ = true; }
  [[nodiscard]] const source_location& where() const noexcept { return where_; }

  loop_core* loop = nullptr;        ///< Whose it is, from the moment that it is scheduled.
  timer clock{*this};               ///< Armed by call_at and call_later.
  time_point deadline{};            ///< What `clock` was armed for.
  variable_slot variables;          ///< The context that it runs in.
  call_node* inbox_next = nullptr;  ///< Link of the loop's inbox, for calls from other threads.
  [[nodiscard]] bool is_shared() const noexcept { return shared_; }

 protected:
  explicit call_node(source_location where) noexcept : ready_node(ready_kind::call), where_(where) {}

 private:
  // Within one thread plain loads and stores do, which compile to ordinary arithmetic. Between threads: acquire and
  // release, so that the last owner sees what the others did with the closure before it destroys it.
  long change_refs(long by) noexcept {
    if (shared_) return refs_.fetch_add(by, std::memory_order_acq_rel) + by;
    const long n = refs_.load(std::memory_order_relaxed) + by;
    refs_.store(n, std::memory_order_relaxed);
    return n;
  }
  // Relaxed is enough: only one side may win; the closure itself travels with the queue, which synchronises.
  bool leave_waiting(state to) noexcept {
    state expected = state::waiting;
    return state_.compare_exchange_strong(expected, to, std::memory_order_relaxed);
  }

  std::atomic<long> refs_{1};
  std::atomic<state> state_{state::waiting};
  bool shared_ = false;
  source_location where_;
};

template <class F>
class call_of final : public call_node {
 public:
  template <class G>
  call_of(G&& f, source_location where) : call_node(where), f_(std::forward<G>(f)) {}
  void run() override { static_cast<void>(f_()); }

  static void* operator new(std::size_t size) { return allocate_block(size); }
  static void operator delete(void* p, std::size_t size) noexcept { free_block(p, size); }

 private:
  F f_;
};

template <class F>
call_node* make_call(F&& f, source_location where) {
  static_assert(std::is_invocable_v<std::decay_t<F>&>, "a callback is called without arguments");
  return new call_of<std::decay_t<F>>(std::forward<F>(f), where);
}

}  // namespace nakh::detail
