// SPDX-License-Identifier: BSL-1.0
#include <nakh/detail/block.hpp>

#include "sanitizers.hpp"

#include <array>
#include <new>

namespace nakh::detail {

namespace {

constexpr std::size_t granule = 32;
constexpr std::size_t classes = 32;          // up to 1 KiB
constexpr std::size_t most_kept = 1u << 14;  // blocks of one class and thread

#if defined(NAKH_ASAN) || defined(NAKH_TSAN) || defined(NAKH_VALGRIND)
constexpr bool keeps = false;  // so that the tool sees each use after free
#else
constexpr bool keeps = true;
#endif

struct free_block_link {
  free_block_link* next;
};

struct cache {
  struct entry {
    free_block_link* first = nullptr;
    std::size_t count = 0;
  };
  std::array<entry, classes> entries;
  bool registered = false;  ///< Will be emptied when the thread ends.
  bool ended = false;
};

// Trivially destructible, so that a block freed by a later destructor of the same thread still finds it.
thread_local constinit cache blocks __attribute__((tls_model("initial-exec")));

struct cache_end {
  ~cache_end() {
    blocks.ended = true;
    for (cache::entry& e : blocks.entries) {
      while (e.first != nullptr) {
        free_block_link* const b = e.first;
        e.first = b->next;
        ::operator delete(b);
      }
      e.count = 0;
    }
  }
};

[[gnu::cold]] void empty_at_thread_end() noexcept {
  static thread_local const cache_end end;
  static_cast<void>(&end);
  blocks.registered = true;
}

}  // namespace

void* allocate_block(std::size_t size) {
  const std::size_t index = (size - 1) / granule;
  if (!keeps || index >= classes) return ::operator new(size);
  cache::entry& e = blocks.entries[index];
  if (e.first == nullptr) [[unlikely]]
    return ::operator new((index + 1) * granule);
  free_block_link* const b = e.first;
  e.first = b->next;
  --e.count;
  return b;
}

void free_block(void* block, std::size_t size) noexcept {
  const std::size_t index = (size - 1) / granule;
  if (!keeps || index >= classes || blocks.ended || blocks.entries[index].count == most_kept) [[unlikely]] {
    ::operator delete(block);
    return;
  }
  if (!blocks.registered) [[unlikely]]
    empty_at_thread_end();
  cache::entry& e = blocks.entries[index];
  auto* const b = static_cast<free_block_link*>(block);
  b->next = e.first;
  e.first = b;
  ++e.count;
}

}  // namespace nakh::detail
