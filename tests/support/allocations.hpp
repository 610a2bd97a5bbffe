// SPDX-License-Identifier: BSL-1.0
#pragma once

// Replaces the program's `operator new`, so that allocations are counted and can be made to fail. Included once in a program.

#include "sanitizers.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace nakh::test {

struct allocator_state {
  long made = 0;          ///< By this thread.
  long left = -1;         ///< By this thread, until one fails; negative: none does.
  bool and_rest = false;  ///< All after it fail too.

  [[nodiscard]] bool may_allocate() noexcept {
    if (left == 0) {
      if (!and_rest) left = -1;
      return false;
    }
    if (left > 0) --left;
    ++made;
    return true;
  }
};
inline thread_local constinit allocator_state allocator;
inline std::atomic<long> blocks_alive = 0;  ///< In the whole program.

/// While it lives, no allocation of this thread succeeds.
struct no_memory {
  no_memory() noexcept {
    allocator.left = 0;
    allocator.and_rest = true;
  }
  ~no_memory() {
    allocator.left = -1;
    allocator.and_rest = false;
  }
  no_memory(const no_memory&) = delete;
  no_memory& operator=(const no_memory&) = delete;
};

/// False in a tool that has an `operator new` of its own.
inline bool allocations_are_ours() {
  const long before = allocator.made;
  ::operator delete(::operator new(1));
  if (allocator.made == before) MESSAGE("skipped: the tool that this runs in makes the allocations");
  return allocator.made != before;
}

/// How many allocations `f` makes, the second time that it runs and in this thread.
template <class F>
long allocations_in(F&& f) {
  f();
  const long before = allocator.made;
  f();
  return allocator.made - before;
}

}  // namespace nakh::test

#if !defined(NAKH_TSAN)  // it has its own
// Not inline, or the compiler takes a `new` and a `free` that meet for a mistake.
[[gnu::noinline]] void* operator new(std::size_t size) {
  void* const p = nakh::test::allocator.may_allocate() ? std::malloc(size) : nullptr;
  if (p == nullptr) throw std::bad_alloc();
  ++nakh::test::blocks_alive;
  return p;
}
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  void* const p = nakh::test::allocator.may_allocate() ? std::malloc(size) : nullptr;
  if (p != nullptr) ++nakh::test::blocks_alive;
  return p;
}
[[gnu::noinline]] void operator delete(void* p) noexcept {
  if (p != nullptr) --nakh::test::blocks_alive;
  std::free(p);
}
[[gnu::noinline]] void operator delete(void* p, std::size_t) noexcept { ::operator delete(p); }
#if !defined(NAKH_ASAN)
// Boost.Asio's handlers come from here.
extern "C" void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
  void* p = nullptr;
  if (!nakh::test::allocator.may_allocate() || ::posix_memalign(&p, alignment, size) != 0) return nullptr;
  return p;
}
#endif
#endif
