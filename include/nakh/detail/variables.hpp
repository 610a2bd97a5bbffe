// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>
#include <nakh/detail/ref.hpp>

#include <atomic>
#include <cstdint>
#include <utility>
#include <vector>

// What `context_var` stores, where, and how contexts share it. "Variables" here are always those: the other kind of context,
// a fiber's registers, is in src/context.hpp.
namespace nakh::detail {

/// Counted references that may be held in several threads.
class NAKH_API shared_count {
 public:
  shared_count() noexcept = default;
  shared_count(const shared_count&) = delete;
  shared_count& operator=(const shared_count&) = delete;

  // Relaxed: whoever counts one more has one already.
  void add_ref() noexcept { refs_.fetch_add(1, std::memory_order_relaxed); }
  // Acquire and release: the last one destroys what others have read or written.
  void release() noexcept {
    if (refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }
  /// Nobody else holds one. Acquire: what those did who let go has happened before.
  [[nodiscard]] bool is_sole() const noexcept { return refs_.load(std::memory_order_acquire) == 1; }

 protected:
  virtual ~shared_count();

 private:
  std::atomic<long> refs_ = 1;
};

/// A value that a variable was set to. Never changes.
class variable_value : public shared_count {};

template <class T>
class variable_value_of final : public variable_value {
 public:
  explicit variable_value_of(T v) : value(std::move(v)) {}
  const T value;
};

/// A variable's name in maps; unlike its address, never used again.
using variable_id = std::uint64_t;
[[nodiscard]] NAKH_API variable_id next_variable_id() noexcept;

/// The values that variables have in a context. Never changes once it is shared: whoever changes one makes a copy.
class variable_map final : public shared_count {
 public:
  struct entry {
    variable_id id;
    ref<variable_value> value;
  };
  [[nodiscard]] NAKH_API variable_value* find(variable_id id) const noexcept;

  std::vector<entry> entries;  ///< In the order of ids.
};

/// A context with an identity: what several tasks, or a task and its tokens, see as the same one.
class variable_box final : public shared_count {
 public:
  explicit variable_box(ref<variable_map> m = {}) noexcept : map(std::move(m)) {}

  /// Gives the variable this value, or none when it is null; returns what it had. O(variables that are set)
  NAKH_API ref<variable_value> exchange(variable_id id, ref<variable_value> value);

  ref<variable_map> map;  ///< Null: none is set.
};

/// Where a fiber, a callback or a thread keeps its context, in one word: nothing, a map that it shares with others until it
/// sets a variable, or a box.
class variable_slot {
 public:
  variable_slot() noexcept = default;
  explicit variable_slot(ref<variable_box> box) noexcept : bits_(reinterpret_cast<std::uintptr_t>(box.detach()) | 1) {}
  variable_slot(variable_slot&& other) noexcept : bits_(std::exchange(other.bits_, 0)) {}
  variable_slot& operator=(variable_slot&& other) noexcept {
    variable_slot given(std::move(other));
    std::swap(bits_, given.bits_);
    return *this;
  }
  ~variable_slot() {
    if (bits_ != 0) [[unlikely]]
      drop();
  }

  /// A copy: what is set here later is not seen there, nor the other way round. O(1)
  [[nodiscard]] variable_slot copy() const noexcept {
    const bool has_none = bits_ == 0 || (has_box() && !as_box()->map);
    return has_none ? variable_slot() : copy_of_something();
  }
  /// The map, if a variable was ever set.
  [[nodiscard]] NAKH_API variable_map* map() const noexcept;
  /// The context with an identity: from now on this slot has one. @throws std::bad_alloc
  [[nodiscard]] NAKH_API variable_box& box();

 private:
  NAKH_API void drop() noexcept;
  [[nodiscard]] NAKH_API variable_slot copy_of_something() const noexcept;
  [[nodiscard]] bool has_box() const noexcept { return bits_ % 2 != 0; }
  // NOLINTNEXTLINE(performance-no-int-to-ptr): the lowest bit says which of the two it is
  [[nodiscard]] variable_box* as_box() const noexcept { return reinterpret_cast<variable_box*>(bits_ - 1); }
  // NOLINTNEXTLINE(performance-no-int-to-ptr)
  [[nodiscard]] variable_map* as_map() const noexcept { return reinterpret_cast<variable_map*>(bits_); }

  std::uintptr_t bits_ = 0;
};

/// The slot of whoever runs now: the current task, else the loop's callback, else this thread.
[[nodiscard]] NAKH_API variable_slot& current_variables() noexcept;

/// Puts another context in the place of the current one while it lives.
class NAKH_API variables_in_force {
 public:
  explicit variables_in_force(variable_slot&& slot) noexcept : former_(std::exchange(current_variables(), std::move(slot))) {}
  // Asks again who runs: a generator's body may have been continued by another task.
  ~variables_in_force() { current_variables() = std::move(former_); }
  variables_in_force(const variables_in_force&) = delete;
  variables_in_force& operator=(const variables_in_force&) = delete;

 private:
  variable_slot former_;
};

}  // namespace nakh::detail
