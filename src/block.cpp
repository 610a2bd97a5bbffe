// SPDX-License-Identifier: BSL-1.0
#include <nakh/detail/block.hpp>

#include "sanitizers.hpp"

#include <array>
#include <new>

namespace nakh::detail {

namespace {

// malloc's: its blocks are a multiple of 16 bytes long, of which it keeps 8 for itself. Classes that end elsewhere cost a
// coroutine's frame of 120 bytes 16 more.
constexpr std::size_t granule = 16;
constexpr std::size_t kept_by_malloc = 8;
constexpr std::size_t classes = 64;  // up to 1 KiB
constexpr std::size_t class_of(std::size_t size) noexcept { return (size + kept_by_malloc - 1) / granule; }
constexpr std::size_t size_of_class(std::size_t index) noexcept { return (index + 1) * granule - kept_by_malloc; }
static_assert(class_of(120) == class_of(105) && class_of(121) == class_of(136) && size_of_class(class_of(120)) == 120);
constexpr std::size_t most_kept = 1u << 14;  // blocks of one class and thread

// Not in a tool that is to see each use after free.
#if defined(NAKH_ASAN) || defined(NAKH_TSAN)
constexpr bool keeps() noexcept { return false; }
#elif defined(NAKH_VALGRIND)
bool keeps() noexcept { return RUNNING_ON_VALGRIND == 0; }
#else
constexpr bool keeps() noexcept { return true; }
#endif

struct free_block_link {
  free_block_link* next;
};

struct cache {
  struct entry {
    free_block_link* first = nullptr;
    std::size_t room = 0;  ///< Blocks that may still be kept.
  };
  std::array<entry, classes> entries;
  enum : unsigned char { not_in_use, in_use, ended } state = not_in_use;
};

// Trivially destructible, so that a block freed by a later destructor of the same thread still finds it.
thread_local constinit cache blocks __attribute__((tls_model("initial-exec")));

struct cache_end {
  ~cache_end() {
    blocks.state = cache::ended;
    for (cache::entry& e : blocks.entries) {
      while (e.first != nullptr) {
        free_block_link* const b = e.first;
        e.first = b->next;
        ::operator delete(b);
      }
      e.room = 0;
    }
  }
};

// No room: the first block that this thread frees makes some, and a destructor that gives all back in the end.
[[gnu::cold]] bool make_room() noexcept {
  if (!keeps() || blocks.state != cache::not_in_use) return false;
  static thread_local const cache_end end;
  static_cast<void>(&end);
  blocks.state = cache::in_use;
  for (cache::entry& e : blocks.entries) e.room = most_kept;
  return true;
}

void keep(void* block, std::size_t index) noexcept {
  cache::entry& e = blocks.entries[index];
  auto* const b = static_cast<free_block_link*>(block);
  b->next = e.first;
  e.first = b;
  --e.room;
}

// Apart, so that the usual way needs no stack frame.
[[gnu::cold, gnu::noinline]] void* allocate_new(std::size_t size) {
  const std::size_t index = class_of(size);
  return ::operator new(keeps() && index < classes ? size_of_class(index) : size);
}
[[gnu::cold, gnu::noinline]] void free_or_keep_first(void* block, std::size_t index) noexcept {
  if (index < classes && make_room()) {
    keep(block, index);
  } else {
    ::operator delete(block);
  }
}

}  // namespace

void* allocate_block(std::size_t size) {
  const std::size_t index = class_of(size);
  if (index >= classes || blocks.entries[index].first == nullptr) [[unlikely]]
    return allocate_new(size);
  cache::entry& e = blocks.entries[index];
  free_block_link* const b = e.first;
  e.first = b->next;
  ++e.room;
  return b;
}

void free_block(void* block, std::size_t size) noexcept {
  const std::size_t index = class_of(size);
  if (index >= classes || blocks.entries[index].room == 0) [[unlikely]] {
    free_or_keep_first(block, index);
  } else {
    keep(block, index);
  }
}

}  // namespace nakh::detail
