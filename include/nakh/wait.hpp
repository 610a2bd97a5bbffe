// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>
#include <nakh/task.hpp>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <memory>
#include <optional>
#include <ranges>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace nakh {

/// When `wait` returns.
enum class return_when : unsigned char {
  first_completed,  ///< When any has ended.
  first_exception,  ///< When any has failed (being cancelled is no failure), or all have ended.
  all_completed,    ///< When all have ended.
};
using enum return_when;

/// Settings of `wait`.
struct wait_options {
  /// How long it waits at most; none: as long as it takes.
  std::optional<delay> timeout = std::nullopt;
  /// What it waits for.
  nakh::return_when return_when = all_completed;
};

/// What `wait` found: each handle in one of the two, in the order given.
template <class Handle>
struct wait_result {
  /// Those that have ended.
  std::vector<Handle> done;
  /// Those that have not.
  std::vector<Handle> pending;
};

namespace detail {

template <class R>
concept range_of_handles = std::ranges::input_range<R> && requires(std::ranges::range_value_t<R> h) { ref<future_state>(h.share()); };

/// Each handle once, in order.
template <range_of_handles Range>
auto distinct(Range&& range) {
  std::vector<std::ranges::range_value_t<Range>> all;
  std::vector<const future_state*> seen;
  for (auto&& h : range) {
    const future_state* const s = h.share().get();
    const auto place = std::lower_bound(seen.begin(), seen.end(), s);
    if (place != seen.end() && *place == s) continue;
    seen.insert(place, s);
    all.push_back(std::forward<decltype(h)>(h));
  }
  return all;
}

/// A wait for several futures: `waiter` is done when it is over.
class NAKH_API states_wait {
 public:
  /// @throws std::invalid_argument, usage_error
  states_wait(std::span<future_state* const> states, const wait_options& options);
  ~states_wait();
  states_wait(const states_wait&) = delete;
  states_wait& operator=(const states_wait&) = delete;
  [[nodiscard]] const future<>& waiter() const noexcept { return waiter_; }

  static constexpr const char* kind = "wait";
  void for_each_pending(future_visitor& visit) const;

 private:
  struct link;
  struct time_over;
  void one_done(const future_state& state) noexcept;

  loop_core& loop_;
  future<> waiter_;
  nakh::return_when return_when_;
  std::size_t left_;
  std::size_t count_;
  std::unique_ptr<link[]> links_;
  std::unique_ptr<time_over> time_over_;  ///< Null: no limit.
};

/// What `wait` waits for, and gives back.
template <class Handle>
class wait_set {
 public:
  template <class Range>
    requires(!std::is_same_v<std::remove_cvref_t<Range>, wait_set>)
  explicit wait_set(Range&& range) : handles_(distinct(std::forward<Range>(range))) {
    states_.reserve(handles_.size());
    for (const auto& h : handles_) states_.push_back(h.share().get());
  }
  [[nodiscard]] std::span<future_state* const> states() const noexcept { return states_; }
  [[nodiscard]] wait_result<Handle> result() && {
    wait_result<Handle> found;
    for (auto& h : handles_) (h.done() ? found.done : found.pending).push_back(std::move(h));
    return found;
  }

 private:
  std::vector<Handle> handles_;
  std::vector<future_state*> states_;
};

/// The part of `as_completed` that does not depend on the handles' type.
class NAKH_API completion_order {
 public:
  completion_order(std::vector<ref<future_state>> states, std::optional<delay> timeout);
  ~completion_order();
  completion_order(const completion_order&) = delete;
  completion_order& operator=(const completion_order&) = delete;

  /// How many were not asked for yet.
  [[nodiscard]] std::size_t left() const noexcept;
  /// Waits for the next to end; its index. @throws timeout_error
  std::size_t next();

  // The same step by step, for coroutines.
  /// One more is asked for; until `take` or `give_up`.
  void ask() noexcept;
  [[nodiscard]] bool must_wait() const noexcept;
  /// Is done when it is worth while to look again.
  [[nodiscard]] future<> new_turn();
  /// That was cancelled, or who waited for it was.
  void turn_failed(const future<>& turn) noexcept;
  /// @throws timeout_error
  std::size_t take();
  void give_up() noexcept;

 private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace detail

/// Waits until the tasks or futures of a range have ended, or the time is over; returns which have and which have not.
///
/// Throws no error of theirs, counts none as retrieved, and cancels nothing, neither when the time is over nor when
/// the current task is cancelled (T-wait-02, T-wait-04, T-wait-08). A handle that occurs twice counts once.
/// @throws cancelled_error        when the current task was cancelled.
/// @throws std::invalid_argument  from an empty range.
/// @throws usage_error            outside a task.
/// @par Suspends       Always.
/// @par Thread safety  The loop's thread only.
/// @par Complexity     O(n log n).
/// @par Source         asyncio.wait (CPython 3.14). Differs: the results keep the order of the range.
template <detail::range_of_handles Range>
wait_result<std::ranges::range_value_t<Range>> wait(Range&& range, wait_options options = {}) {
  detail::wait_set<std::ranges::range_value_t<Range>> set(std::forward<Range>(range));
  const detail::states_wait waiting(set.states(), options);
  waiting.waiter().await();
  return std::move(set).result();
}

/// The handles of a range in the order in which they end: what `as_completed` returns.
/// @par Thread safety  The loop's thread only.
/// @par Source         What asyncio.as_completed returns (CPython 3.14).
template <class Handle>
class completed_range {
 public:
  class iterator {
   public:
    using value_type = Handle;
    using difference_type = std::ptrdiff_t;
    const Handle& operator*() const noexcept { return *current_; }
    iterator& operator++() {
      current_ = range_->next();
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const iterator& i, std::default_sentinel_t) noexcept { return !i.current_; }

   private:
    friend class completed_range;
    explicit iterator(completed_range& r) : range_(&r), current_(r.next()) {}
    completed_range* range_;
    std::optional<Handle> current_;
  };

  /// For the library.
  completed_range(std::vector<Handle> handles, std::optional<delay> timeout)
      : handles_(std::move(handles)), order_(states_of(handles_), timeout) {}

  /// The next handle to end, done; none when all were given. Several tasks may ask at the same time: each gets another.
  /// @throws timeout_error    when the time was over before it ended; that one counts as given.
  /// @throws cancelled_error  when the current task was cancelled; the tasks of the range are not.
  std::optional<Handle> next() {
    if (order_.left() == 0) return std::nullopt;
    return handles_[order_.next()];
  }
  /// For the library.
  [[nodiscard]] detail::completion_order& order() noexcept { return order_; }
  /// For the library.
  [[nodiscard]] const Handle& handle(std::size_t index) const noexcept { return handles_[index]; }

  /// Goes on where an earlier iteration was left (T-asc-09).
  iterator begin() { return iterator(*this); }
  [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

 private:
  static std::vector<detail::ref<detail::future_state>> states_of(const std::vector<Handle>& handles) {
    std::vector<detail::ref<detail::future_state>> states;
    states.reserve(handles.size());
    for (const auto& h : handles) states.emplace_back(h.share());
    return states;
  }
  std::vector<Handle> handles_;
  detail::completion_order order_;
};

/// Iterates over tasks or futures in the order in which they end: `for (auto& t : nakh::as_completed(tasks))`.
///
/// Each step waits for the next one and gives its own handle, done; its result or error is for the loop's body to ask.
/// @param timeout  For the whole iteration: when it is over, the iteration throws `timeout_error`; nothing is cancelled.
/// @throws cancelled_error, timeout_error  from a step, see `completed_range::next`.
/// @par Suspends       At each step.
/// @par Thread safety  The loop's thread only.
/// @par Complexity     O(n log n) to begin, O(1) a step.
/// @par Source         asyncio.as_completed, asynchronous iteration (CPython 3.14).
template <detail::range_of_handles Range>
[[nodiscard("iterate over it")]] completed_range<std::ranges::range_value_t<Range>> as_completed(
    Range&& range, std::optional<delay> timeout = std::nullopt) {
  return {detail::distinct(std::forward<Range>(range)), timeout};
}

}  // namespace nakh
