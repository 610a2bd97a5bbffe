// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>
#include <nakh/source_location.hpp>
#include <nakh/task.hpp>

#include <type_traits>
#include <utility>

namespace nakh {

namespace detail {

/// The part of a shield that does not depend on its type: ends when the inner future ends, but is cancelled alone.
class NAKH_API shield_link {
 public:
  shield_link(future_state& outer, future_state& inner) noexcept;
  ~shield_link();
  shield_link(const shield_link&) = delete;
  shield_link& operator=(const shield_link&) = delete;

 private:
  struct inner_done : done_hook {
    using done_hook::done_hook;
    shield_link* owner = nullptr;
  };
  struct outer_done : done_hook {
    using done_hook::done_hook;
    shield_link* owner = nullptr;
  };
  future_state& outer_;
  future_state& inner_;
  inner_done inner_done_;
  outer_done outer_done_;
};

template <class T>
class shield_state final : public result_state<T> {
 public:
  explicit shield_state(ref<result_state<T>> inner) : result_state<T>(inner->loop()), inner_(std::move(inner)), link_(*this, *inner_) {}
  [[nodiscard]] const char* kind() const noexcept override { return "shield"; }
  void for_each_awaited(future_visitor& visit) override { visit(*inner_); }
  static void* operator new(std::size_t size) { return allocate_block(size); }
  static void operator delete(void* p, std::size_t size) noexcept { free_block(p, size); }

 protected:
  T take(bool last) override { return inner_->result(last && inner_->is_sole()); }

 private:
  ref<result_state<T>> inner_;
  shield_link link_;
};

}  // namespace detail

/// A future with the same outcome that can be cancelled without cancelling `inner`.
///
/// Awaiting the shield instead of the task keeps the task running when the awaiter is cancelled or times out. A later
/// error of the abandoned task goes to the loop's exception handler (T-shield-06).
/// @throws std::bad_alloc
/// @par Suspends       Never.
/// @par Thread safety  The loop's thread only.
/// @par Source         asyncio.shield (CPython 3.14).
template <class T>
[[nodiscard("await the shield, not the task")]] future<T> shield(const future<T>& inner) {
  if (inner.done()) return inner;
  return future<T>(detail::ref<detail::result_state<T>>::adopt(new detail::shield_state<T>(inner.share())));
}

/// Makes `f` a task, and shields that.
template <class F>
  requires std::is_invocable_v<std::decay_t<F>&&>
[[nodiscard("await the shield")]] auto shield(F&& f, source_location where = source_location::current()) {
  return shield(static_cast<const future<detail::task_result<F>>&>(async(std::forward<F>(f), where)));
}

}  // namespace nakh
