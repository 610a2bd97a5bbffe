// SPDX-License-Identifier: BSL-1.0
#include "stack_pool.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <stdexcept>
#include <string>

namespace nakh::detail {

namespace {

constexpr int guard_install = 102;  // MADV_GUARD_INSTALL, not yet in the C library's headers
constexpr int no_advice = 0x6b68;   // a number that no kernel knows
constexpr std::size_t first_region = std::size_t{1} << 28;

std::size_t page_size() noexcept {
  static const auto size = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return size;
}

// Stacks whose tops share an offset in the page would compete for the same few cache sets (with a thousand fibers a
// switch costs twice as much), so each starts a different multiple of 64 bytes lower, within the first page.
std::size_t colour(std::size_t slot, std::size_t usable) noexcept {
  return usable >= 4 * page_size() ? slot % (stack_pool::largest_colour / 64 + 1) * 64 : 0;
}

}  // namespace

const memory_calls system_memory = {
    [](void* address, std::size_t size, int protection, int flags) noexcept { return mmap(address, size, protection, flags, -1, 0); },
    [](void* address, std::size_t size) noexcept { return munmap(address, size); },
    [](void* address, std::size_t size, int protection) noexcept { return mprotect(address, size, protection); },
    [](void* address, std::size_t size, int advice) noexcept { return madvise(address, size, advice); },
};

stack_pool::stack_pool(std::size_t limit, const memory_calls& calls) noexcept : calls_(calls), limit_(limit) {}

stack_pool::~stack_pool() {
  for (const arena& a : arenas_) {
#if defined(NAKH_VALGRIND)
    for (const unsigned int id : a.valgrind_ids) VALGRIND_STACK_DEREGISTER(id);
#endif
    for (const region& r : a.regions) {
      const std::size_t slot_size = a.usable + guard_size();
#if defined(NAKH_ASAN)
      __asan_unpoison_memory_region(r.begin, r.accessible * slot_size);
#endif
      calls_.unmap(r.begin, r.slots * slot_size);
    }
  }
}

unsigned int stack_pool::class_of(std::size_t usable) {
  const std::size_t page = page_size();
  if (usable < page || usable > page << (classes - 1)) {
    throw std::invalid_argument("nakh: a stack of " + std::to_string(usable) + " bytes was asked for; it must be at least one page (" +
                                std::to_string(page) + " bytes) and at most " + std::to_string(page << (classes - 1)) + " bytes");
  }
  return static_cast<unsigned int>(std::bit_width((usable - 1) / page));
}

std::size_t stack_pool::usable_size(unsigned int size_class) noexcept { return page_size() << size_class; }

std::size_t stack_pool::guard_size() noexcept {
#if defined(__aarch64__)
  constexpr std::size_t least = 64 * 1024;  // compilers for it count on that much, and touch only frames that are larger
#else
  constexpr std::size_t least = 16 * 1024;
#endif
  return std::max(least, page_size());
}

bool stack_pool::fail(int error) noexcept {
  error_ = error;
  return false;
}

bool stack_pool::reserve(arena& a, unsigned int size_class) noexcept {
  try {
    a.regions.reserve(a.regions.size() + 1);
  } catch (...) {
    return fail(ENOMEM);
  }
  const std::size_t slot_size = usable_size(size_class) + guard_size();
  std::size_t slots = std::max({first_region / slot_size, std::size_t{16}, 3 * a.opened});
  slots = std::clamp(slots, std::size_t{1}, std::max(limit_ - a.opened, std::size_t{1}));
  // Address space may be short (RLIMIT_AS, locked memory, small machines): take what there is, by halves.
  for (;; slots /= 2) {
    if (slots == 0) return fail(errno);
    void* const p = calls_.map(nullptr, slots * slot_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK);
    if (p == MAP_FAILED) continue;
    a.regions.push_back({.begin = static_cast<std::byte*>(p), .slots = slots});
    a.usable = usable_size(size_class);
    // A huge page would make 2 MiB resident for one fiber's 4 KiB. Refusal changes nothing but that.
    calls_.advise(p, slots * slot_size, MADV_NOHUGEPAGE);
    // Emulators of a kernel (qemu-user 7.2) answer success to advice that they ignore, guards among it.
    guards_by_advice_ = calls_.advise(p, page_size(), no_advice) != 0 && errno == EINVAL;
    return true;
  }
}

bool stack_pool::make_accessible(region& r, std::size_t slot_size) noexcept {
  // Growing steps: a small program opens 16 slots, a million fibers take a few hundred calls.
  std::size_t step = std::min({r.slots - r.accessible, std::max(r.accessible, std::size_t{16}), std::size_t{4096}});
  while (calls_.protect(r.begin + r.accessible * slot_size, step * slot_size, PROT_READ | PROT_WRITE) != 0) {
    step /= 2;
    if (step == 0) return fail(errno);
  }
  r.accessible += step;
  return true;
}

bool stack_pool::guard(std::byte* begin) noexcept {
  if (guards_by_advice_ && calls_.advise(begin, guard_size(), guard_install) == 0) return true;
  // EINVAL: a kernel before 6.13, or locked memory. The old way costs a mapping for each guard, and ends at
  // vm.max_map_count: then it fails here, aloud.
  if (calls_.protect(begin, guard_size(), PROT_NONE) == 0) return true;
  return fail(errno);
}

bool stack_pool::open_one(arena& a, unsigned int size_class) noexcept {
  const std::size_t slot_size = usable_size(size_class) + guard_size();
  if (a.opened >= limit_) return fail(0);
  if ((a.regions.empty() || a.regions.back().opened == a.regions.back().slots) && !reserve(a, size_class)) return false;
  region& r = a.regions.back();
  if (r.opened == r.accessible && !make_accessible(r, slot_size)) return false;
  if (a.opened == a.free.size()) {
    try {
      a.free.resize(std::max(a.free.size() * 2, std::size_t{16}));
    } catch (...) {
      return fail(ENOMEM);
    }
  }
  std::byte* const slot = r.begin + r.opened * slot_size;
  if (!guard(slot)) return false;
  std::byte* const top = slot + slot_size - colour(a.opened, usable_size(size_class));
#if defined(NAKH_VALGRIND)
  try {
    a.valgrind_ids.push_back(VALGRIND_STACK_REGISTER(slot + guard_size(), slot + slot_size));
  } catch (...) {
    return fail(ENOMEM);
  }
#endif
  ++r.opened;
  ++a.opened;
  a.free[a.free_count++] = top;
  return true;
}

void stack_pool::throw_exhausted(unsigned int size_class) const {
  const arena& a = arenas_[size_class];
  const std::string kind = std::to_string(usable_size(size_class) / 1024) + " KiB";
  if (error_ == 0) {
    throw stack_exhausted(std::make_error_code(std::errc::resource_unavailable_try_again),
                          "nakh: all " + std::to_string(limit_) + " stacks of " + kind +
                              " are in use; raise loop_options::max_stacks, or let fewer tasks wait at the same time");
  }
  throw stack_exhausted(
      error_, std::system_category(),
      "nakh: no guarded stack of " + kind + " after " + std::to_string(a.opened) +
          " of them; the system refuses memory, address space or a guard (see ulimit -v, ulimit -l and vm.max_map_count)");
}

std::size_t stack_pool::trim(std::size_t keep, std::size_t most) noexcept {
  std::size_t trimmed = 0;
  for (arena& a : arenas_) {
    a.trimmed = std::min(a.trimmed, a.free_count);  // acquire leaves it behind
    while (a.trimmed + keep < a.free_count && trimmed < most) {
      calls_.advise(end_of(a.free[a.trimmed]) - a.usable, a.usable, MADV_DONTNEED);
      ++a.trimmed;
      ++trimmed;
    }
  }
  return trimmed;
}

stack_pool::place stack_pool::place_of(const void* address) const noexcept {
  const auto* const p = static_cast<const std::byte*>(address);
  for (const arena& a : arenas_) {
    const std::size_t slot_size = a.usable + guard_size();
    for (const region& r : a.regions) {
      if (p < r.begin || p >= r.begin + r.slots * slot_size) continue;
      return static_cast<std::size_t>(p - r.begin) % slot_size < guard_size() ? place::guard : place::stack;
    }
  }
  return place::elsewhere;
}

stack_statistics stack_pool::statistics() const noexcept {
  stack_statistics s{.in_use = in_use_, .pooled = 0, .high_water = high_water_};
  for (const arena& a : arenas_) s.pooled += a.free_count;
  return s;
}

}  // namespace nakh::detail
