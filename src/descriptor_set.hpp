// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <unordered_map>

namespace nakh::detail {

/// Descriptors of others, and who wants to know that they are ready: a set that the system keeps (epoll). It is a descriptor
/// itself, which is ready as long as one of them is.
///
/// A descriptor that is closed leaves the set by itself, unless another one of the same file stays open.
/// @par Thread safety  None.
class descriptor_set {
 public:
  enum class direction : unsigned char { read, write };

  /// @throws std::system_error  when the system gives no descriptor for it.
  descriptor_set();
  ~descriptor_set();
  descriptor_set(const descriptor_set&) = delete;
  descriptor_set& operator=(const descriptor_set&) = delete;

  [[nodiscard]] int native() const noexcept { return set_; }
  [[nodiscard]] bool empty() const noexcept { return entries_.empty(); }

  /// `on_ready` is called by each `serve` that finds `fd` ready; it must not change the set. Replaces an earlier one.
  /// @throws std::system_error  when the system refuses the descriptor. Nothing has changed then.
  void watch(int fd, direction d, std::function<void()> on_ready);
  /// False when it was not watched.
  bool unwatch(int fd, direction d) noexcept;
  /// Calls those whose descriptors are ready. Does not block. When one throws, the others have their turn the next time.
  void serve();

 private:
  using entry = std::array<std::function<void()>, 2>;  // by direction
  static std::uint32_t events_of(const entry& e) noexcept;
  [[nodiscard]] int tell(int operation, int fd, std::uint32_t events) const noexcept;

  int set_;
  std::unordered_map<int, entry> entries_;
};

}  // namespace nakh::detail
