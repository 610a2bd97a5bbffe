// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "sanitizers.hpp"

#include <nakh/error.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace nakh::detail {

/// The system calls behind the stacks, as a table so that tests can make each of them fail.
struct memory_calls {
  void* (*map)(void* address, std::size_t size, int protection, int flags) noexcept;
  int (*unmap)(void* address, std::size_t size) noexcept;
  int (*protect)(void* address, std::size_t size, int protection) noexcept;
  int (*advise)(void* address, std::size_t size, int advice) noexcept;
};
extern const memory_calls system_memory;

/// A fiber's stack, growing down from `top`, with inaccessible pages below it. Null when `top` is.
struct stack {
  std::byte* top = nullptr;
  unsigned int size_class = 0;

  [[nodiscard]] explicit operator bool() const noexcept { return top != nullptr; }
};

/// Figures of a pool, in stacks; all size classes together.
struct stack_statistics {
  std::size_t in_use = 0;
  std::size_t pooled = 0;      ///< Released and kept for the next fiber.
  std::size_t high_water = 0;  ///< Most ever in use at the same time.
};

/// Guarded stacks of one loop, by size class (powers of two from one page).
///
/// Each class reserves a few large ranges of addresses and opens them from the front as it needs more, so that the
/// number of mappings does not grow with the number of stacks. The guard below each stack is a MADV_GUARD_INSTALL marker
/// (Linux 6.13), or where the kernel has none or refuses (locked memory) an mprotect; a guard that cannot be made
/// is an error and never an unguarded stack. Released stacks are used again last in, first out.
/// @par Thread safety  One thread.
class stack_pool {
 public:
  /// At most `limit` stacks of each size class.
  explicit stack_pool(std::size_t limit, const memory_calls& calls = system_memory) noexcept;
  ~stack_pool();
  stack_pool(const stack_pool&) = delete;
  stack_pool& operator=(const stack_pool&) = delete;

  /// The class whose stacks have at least `usable` bytes.
  /// @throws std::invalid_argument  when `usable` is under one page or beyond the largest class (1 GiB).
  [[nodiscard]] static unsigned int class_of(std::size_t usable);
  /// Bytes that a stack of the class can use, less its colour: up to `largest_colour`.
  [[nodiscard]] static std::size_t usable_size(unsigned int size_class) noexcept;

  /// Bytes below each stack that cannot be touched. Code compiled without -fstack-clash-protection steps over a guard with
  /// one large frame: the C library's own such frames, around a stdio buffer, have a little over 8 KiB.
  [[nodiscard]] static std::size_t guard_size() noexcept;

  /// A stack of the class, or a null one when none can be had; `throw_exhausted` then says why. O(1) when one is pooled.
  [[nodiscard]] stack acquire(unsigned int size_class) noexcept {
    arena& a = arenas_[size_class];
    if (a.free_count == 0) [[unlikely]] {
      if (!open_one(a, size_class)) return {};
    }
    std::byte* const top = a.free[--a.free_count];
    begin_use();
    return {top, size_class};
  }
  /// Gives a stack back; what it holds is kept warm for the next one.
  void release(stack s) noexcept {
    end_use();
    put_back(s);
  }
  /// For whoever keeps a stack at hand between two uses: what the figures say of it.
  void begin_use() noexcept {
    if (++in_use_ > high_water_) high_water_ = in_use_;
  }
  void end_use() noexcept { --in_use_; }
  /// `release` of a stack whose use was ended before.
  void put_back(stack s) noexcept {
    arena& a = arenas_[s.size_class];
#if defined(NAKH_ASAN)
    __asan_unpoison_memory_region(limit_of(s), a.usable);  // of frames that were left without returning
#endif
    if (a.free_count < a.trimmed) a.trimmed = a.free_count;
    a.free[a.free_count++] = s.top;
  }

  /// The lowest address of the stack.
  [[nodiscard]] std::byte* limit_of(stack s) const noexcept { return end_of(s.top) - arenas_[s.size_class].usable; }

  /// Makes sure that the next `acquire` of the class succeeds.
  /// @throws stack_exhausted
  void ensure(unsigned int size_class) {
    arena& a = arenas_[size_class];
    if (a.free_count == 0 && !open_one(a, size_class)) [[unlikely]]
      throw_exhausted(size_class);
  }
  [[noreturn]] void throw_exhausted(unsigned int size_class) const;

  /// Gives pages of pooled stacks back to the system, at most `most` stacks, the longest unused first; the last
  /// `keep` of each class stay warm. Returns how many were trimmed.
  std::size_t trim(std::size_t keep, std::size_t most) noexcept;

  /// True when `address` lies in a guard of this pool, or in a guard or a stack. Safe in a signal handler.
  [[nodiscard]] bool in_guard(const void* address) const noexcept { return place_of(address) == place::guard; }
  [[nodiscard]] bool contains(const void* address) const noexcept { return place_of(address) != place::elsewhere; }
  [[nodiscard]] stack_statistics statistics() const noexcept;

  /// The most by which a stack's top lies below the end of its last page.
  static constexpr std::size_t largest_colour = 30 * 64;

 private:
  struct region {
    std::byte* begin = nullptr;
    std::size_t slots = 0;       ///< How many stacks fit in it.
    std::size_t accessible = 0;  ///< Slots from the front that are readable and writable.
    std::size_t opened = 0;      ///< Slots from the front that have a guard and were handed out at least once.
  };
  struct arena {
    std::vector<region> regions;  ///< Each three times as large as all before it, unless addresses are short.
    std::size_t usable = 0;       ///< Bytes of each stack.
    std::size_t opened = 0;       ///< In all regions.
    std::size_t free_count = 0;   ///< Of `free`, whose size is always that of `opened`: release never allocates.
    std::size_t trimmed = 0;      ///< Entries of `free` from the front that hold no pages.
    std::vector<std::byte*> free;
    std::vector<unsigned int> valgrind_ids;
  };
  static constexpr unsigned int classes = 19;  // 4 KiB ... 1 GiB

  // The end of the last page: tops lie at most `largest_colour` below it, and pages are multiples of 2 KiB.
  static std::byte* end_of(std::byte* top) noexcept {
    const std::size_t over = reinterpret_cast<std::uintptr_t>(top) % 2048;
    return over == 0 ? top : top + (2048 - over);
  }
  enum class place { elsewhere, stack, guard };
  [[nodiscard]] place place_of(const void* address) const noexcept;
  bool open_one(arena& a, unsigned int size_class) noexcept;
  bool reserve(arena& a, unsigned int size_class) noexcept;
  bool make_accessible(region& r, std::size_t slot_size) noexcept;
  bool guard(std::byte* begin) noexcept;
  bool fail(int error) noexcept;

  std::array<arena, classes> arenas_;
  const memory_calls& calls_;
  std::size_t limit_;
  std::size_t in_use_ = 0;
  std::size_t high_water_ = 0;
  int error_ = 0;
  bool guards_by_advice_ = false;
};

}  // namespace nakh::detail
