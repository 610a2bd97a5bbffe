// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <cstddef>
#include <new>

namespace nakh::detail {

/// An allocator, as Boost.Asio asks a handler for, of memory that somebody else keeps: by `Memory::allocate(size)` and
/// `deallocate(memory, size)`.
template <class T, class Memory>
struct memory_allocator {
  using value_type = T;
  explicit memory_allocator(Memory& m) noexcept : memory(&m) {}
  template <class U>
  memory_allocator(const memory_allocator<U, Memory>& other) noexcept : memory(other.memory) {}  // NOLINT(google-explicit-constructor)
  T* allocate(std::size_t n) {
    static_assert(alignof(T) <= alignof(std::max_align_t));
    if (n > static_cast<std::size_t>(-1) / sizeof(T)) throw std::bad_array_new_length();
    return static_cast<T*>(memory->allocate(n * sizeof(T)));
  }
  void deallocate(T* p, std::size_t n) noexcept { memory->deallocate(p, n * sizeof(T)); }
  template <class U>
  friend bool operator==(const memory_allocator& a, const memory_allocator<U, Memory>& b) noexcept {
    return a.memory == b.memory;
  }
  Memory* memory;
};

}  // namespace nakh::detail
