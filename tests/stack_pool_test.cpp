// SPDX-License-Identifier: BSL-1.0
#include "stack_pool.hpp"

#include "support/allocations.hpp"
#include "support/fixture.hpp"
#include "support/in_valgrind.hpp"

#include <nakh/gather.hpp>

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <limits>
#include <memory>
#include <new>
#include <set>
#include <string>
#include <string_view>
#include <vector>

using namespace nakh;
using namespace nakh::test;
using namespace std::chrono_literals;
using detail::memory_calls;
using detail::stack;
using detail::stack_pool;
using detail::system_memory;

namespace {

constexpr int guard_install = 102;  // MADV_GUARD_INSTALL

std::size_t page_size() { return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)); }

/// Whether the system can read the byte for us: a fault that cannot be survived is an EFAULT here.
bool is_accessible(const std::byte* p) {
  std::byte to{};
  const iovec local{&to, 1};
  const iovec remote{const_cast<std::byte*>(p), 1};
  const ssize_t n = ::process_vm_readv(::getpid(), &local, 1, &remote, 1, 0);
  if (n == 1) return true;
  if (errno == EFAULT) return false;
  // No such call here (an emulator): by a pipe.
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  const ssize_t written = ::write(ends[1], p, 1);
  ::close(ends[0]);
  ::close(ends[1]);
  return written == 1;
}

/// Usable from the lowest byte to the highest, and not below: no page of the guard.
bool is_sound(const stack_pool& pool, stack s) {
  std::byte* const limit = pool.limit_of(s);
  *limit = std::byte{1};
  s.top[-1] = std::byte{2};
  bool sound = *limit == std::byte{1} && s.top[-1] == std::byte{2} && !pool.in_guard(limit) && !pool.in_guard(s.top - 1);
  for (std::size_t below = 1; below <= stack_pool::guard_size(); below += page_size()) {
    sound = sound && !is_accessible(limit - below) && pool.in_guard(limit - below);
  }
  return sound && !is_accessible(limit - stack_pool::guard_size()) && pool.in_guard(limit - stack_pool::guard_size());
}

std::size_t resident_pages(const std::byte* begin, std::size_t size) {
  std::vector<unsigned char> pages(size / page_size());
  REQUIRE(::mincore(const_cast<std::byte*>(begin), size, pages.data()) == 0);
  return static_cast<std::size_t>(std::count_if(pages.begin(), pages.end(), [](unsigned char p) { return (p & 1) != 0; }));
}

std::size_t mappings() {
  std::ifstream maps("/proc/self/maps");
  return static_cast<std::size_t>(std::count(std::istreambuf_iterator<char>(maps), {}, '\n'));
}

/// True where memory of the whole program may be made short: a sanitizer needs some for itself.
bool may_starve() {
#if defined(NAKH_ASAN) || defined(NAKH_TSAN)
  const bool alone = false;
#else
  const bool alone = !in_valgrind();
#endif
  if (!alone) MESSAGE("skipped: the tool that this runs in needs memory of its own");
  return alone;
}

/// While it lives, the program gets no more addresses.
class no_more_addresses {
 public:
  no_more_addresses() {
    REQUIRE(::getrlimit(RLIMIT_AS, &former_) == 0);
    const rlimit none{0, former_.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_AS, &none) == 0);
  }
  ~no_more_addresses() { ::setrlimit(RLIMIT_AS, &former_); }
  no_more_addresses(const no_more_addresses&) = delete;
  no_more_addresses& operator=(const no_more_addresses&) = delete;

  /// False in an emulator that keeps the limit to itself.
  static bool can_be() {
    if (!may_starve()) return false;
    const no_more_addresses now;
    void* const p = ::mmap(nullptr, page_size(), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) return true;
    ::munmap(p, page_size());
    MESSAGE("skipped: RLIMIT_AS is not obeyed here");
    return false;
  }

 private:
  rlimit former_{};
};

/// A pool's or a loop's figures, as words.
template <class Figures>
std::string words(const Figures& s) {
  return "used=" + std::to_string(s.in_use) + " pooled=" + std::to_string(s.pooled) + " most=" + std::to_string(s.high_water);
}

/// What the error of a pool that has no more says.
std::string why_exhausted(const stack_pool& pool, unsigned int size_class) {
  try {
    pool.throw_exhausted(size_class);
  } catch (const stack_exhausted& e) {
    return e.what();
  }
}
bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

/// The memory calls, watched and made to fail.
struct calls {
  enum kind { map, unmap, protect, advise };
  enum class failing { none, one, rest };

  /// Before each case.
  static void reset() {
    count = 0;
    fail_at = 0;
    how = failing::none;
    guards = true;
    old_guards = true;
    largest_map = std::numeric_limits<std::size_t>::max();
    lock = false;
    mapped.clear();
    made_old_guards = 0;
  }
  static bool fails() noexcept {
    ++count;
    return (how == failing::one && count == fail_at) || (how == failing::rest && count >= fail_at);
  }

  static inline int count = 0;    ///< Of calls that can fail.
  static inline int fail_at = 0;  ///< From 1.
  static inline failing how = failing::none;
  static inline bool guards = true;      ///< The kernel knows MADV_GUARD_INSTALL.
  static inline bool old_guards = true;  ///< mprotect can take access away.
  static inline std::size_t largest_map = std::numeric_limits<std::size_t>::max();
  static inline bool lock = false;  ///< All memory is locked, as after mlockall(MCL_FUTURE).
  static inline int made_old_guards = 0;
  static inline std::set<std::pair<void*, std::size_t>> mapped;
};

/// How many of the program's mappings lie in what was mapped by `watched_memory`.
std::size_t mappings_of_pools() {
  std::ifstream maps("/proc/self/maps");
  std::size_t count = 0;
  for (std::string line; std::getline(maps, line);) {
    const std::uintptr_t begin = std::strtoull(line.c_str(), nullptr, 16);
    count += static_cast<std::size_t>(std::count_if(calls::mapped.begin(), calls::mapped.end(), [begin](const auto& m) {
      return begin - reinterpret_cast<std::uintptr_t>(m.first) < m.second;
    }));
  }
  return count;
}

int failure(int error) noexcept {
  errno = error;
  return -1;
}

const memory_calls watched_memory = {
    [](void* address, std::size_t size, int protection, int flags) noexcept {
      if (calls::fails() || size > calls::largest_map) {
        errno = ENOMEM;
        return MAP_FAILED;
      }
      void* const p = system_memory.map(address, size, protection, flags);
      if (p != MAP_FAILED) calls::mapped.emplace(p, size);
      return p;
    },
    [](void* address, std::size_t size) noexcept {
      calls::mapped.erase({address, size});
      return system_memory.unmap(address, size);
    },
    [](void* address, std::size_t size, int protection) noexcept {
      if (calls::fails() || (protection == PROT_NONE && !calls::old_guards)) return failure(ENOMEM);
      const int result = system_memory.protect(address, size, protection);
      if (protection == PROT_NONE && result == 0) ++calls::made_old_guards;
      if (calls::lock && result == 0) ::syscall(SYS_mlock, address, size);
      return result;
    },
    [](void* address, std::size_t size, int advice) noexcept {
      if (calls::fails()) return failure(ENOMEM);
      if (advice == guard_install && !calls::guards) return failure(EINVAL);
      return system_memory.advise(address, size, advice);
    },
};

struct pool_fixture {
  pool_fixture() { calls::reset(); }
  ~pool_fixture() {
    CHECK(calls::mapped.empty());
    calls::reset();
  }
  pool_fixture(const pool_fixture&) = delete;
  pool_fixture& operator=(const pool_fixture&) = delete;
};

/// Gives back at the end what it holds.
struct held_stacks {
  explicit held_stacks(stack_pool& p) : pool(p) {}
  ~held_stacks() { release(); }
  held_stacks(const held_stacks&) = delete;
  held_stacks& operator=(const held_stacks&) = delete;

  bool take(unsigned int size_class) {
    const stack s = pool.acquire(size_class);
    if (s) held.push_back(s);
    return static_cast<bool>(s);
  }
  void release() {
    for (const stack s : held) pool.release(s);
    held.clear();
  }
  [[nodiscard]] bool all_sound() const {
    return std::all_of(held.begin(), held.end(), [this](stack s) { return is_sound(pool, s); });
  }

  stack_pool& pool;
  std::vector<stack> held;
};

}  // namespace

// --- Sizes ---

TEST_CASE_FIXTURE(pool_fixture, "sizes that no stack can have: an error that names the size and the limits") {
  const std::size_t page = page_size();
  const std::size_t largest = page << 18;
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, page - 1, largest + 1, std::numeric_limits<std::size_t>::max()}) {
    std::string message;
    try {
      static_cast<void>(stack_pool::class_of(size));
    } catch (const std::invalid_argument& e) {
      message = e.what();
    }
    CHECK(contains(message, "a stack of " + std::to_string(size) + " bytes"));
    CHECK(contains(message, "(" + std::to_string(page) + " bytes)"));
    CHECK(contains(message, std::to_string(largest) + " bytes"));
  }
}

TEST_CASE("a size's class is the smallest that has room for it") {
  const std::size_t page = page_size();
  CHECK(stack_pool::class_of(page) == 0);
  CHECK(stack_pool::class_of(page + 1) == 1);
  CHECK(stack_pool::class_of(2 * page) == 1);
  CHECK(stack_pool::class_of(2 * page + 1) == 2);
  CHECK(stack_pool::class_of(3 * page - 7) == 2);
  CHECK(stack_pool::class_of(page << 18) == 18);
  for (unsigned int c = 0; c <= 18; ++c) {
    const std::size_t size = stack_pool::usable_size(c);
    CHECK(stack_pool::class_of(size) == c);
    CHECK(stack_pool::class_of(size / 2 + page / 2) == c);
  }
}

TEST_CASE_FIXTURE(pool_fixture, "each size from a page to 64 MiB: the whole stack can be used, and the page below cannot") {
  stack_pool pool(8, watched_memory);
  const unsigned int largest = stack_pool::class_of(64 << 20);
  held_stacks stacks(pool);
  for (unsigned int c = 0; c <= largest; ++c) {
    REQUIRE(stacks.take(c));
    REQUIRE(stacks.take(c));
    const stack s = stacks.held.back();
    CHECK(s.size_class == c);
    CHECK(static_cast<std::size_t>(s.top - pool.limit_of(s)) <= stack_pool::usable_size(c));
    CHECK(static_cast<std::size_t>(s.top - pool.limit_of(s)) >= stack_pool::usable_size(c) - stack_pool::largest_colour);
    CHECK(reinterpret_cast<std::uintptr_t>(s.top) % 16 == 0);
    CHECK(reinterpret_cast<std::uintptr_t>(pool.limit_of(s)) % page_size() == 0);
  }
  CHECK(stacks.all_sound());
}

TEST_CASE_FIXTURE(pool_fixture, "stacks do not overlap, and what one holds no other one changes") {
  stack_pool pool(100, watched_memory);
  held_stacks stacks(pool);
  const unsigned int size_class = stack_pool::class_of(16 * 1024);
  for (int i = 0; i < 100; ++i) REQUIRE(stacks.take(size_class));
  for (std::size_t i = 0; i < 100; ++i) {
    std::fill(pool.limit_of(stacks.held[i]), stacks.held[i].top, static_cast<std::byte>(i));
  }
  std::size_t changed = 0;
  for (std::size_t i = 0; i < 100; ++i) {
    changed += static_cast<std::size_t>(
        std::count_if(pool.limit_of(stacks.held[i]), stacks.held[i].top, [i](std::byte b) { return b != static_cast<std::byte>(i); }));
  }
  CHECK(changed == 0);
}

// --- Reuse, colours, figures ---

TEST_CASE_FIXTURE(pool_fixture, "a released stack is the next one taken, last in, first out, each class for itself") {
  stack_pool pool(10, watched_memory);
  const stack a = pool.acquire(0);
  const stack b = pool.acquire(0);
  const stack other = pool.acquire(1);
  pool.release(a);
  pool.release(other);
  pool.release(b);
  CHECK(pool.acquire(0).top == b.top);
  CHECK(pool.acquire(0).top == a.top);
  CHECK(pool.acquire(1).top == other.top);
  const stack fresh = pool.acquire(0);
  CHECK(fresh.top != a.top);
  CHECK(fresh.top != b.top);
  for (const stack s : {a, b, other, fresh}) pool.release(s);
}

TEST_CASE_FIXTURE(pool_fixture,
                  "tops of stacks are spread over their page, within a limit, and not on stacks so small that it would matter") {
  stack_pool pool(200, watched_memory);
  held_stacks small(pool), usual(pool);
  std::set<std::uintptr_t> small_offsets, usual_offsets;
  for (int i = 0; i < 62; ++i) {
    REQUIRE(small.take(1));
    REQUIRE(usual.take(stack_pool::class_of(64 * 1024)));
    small_offsets.insert(reinterpret_cast<std::uintptr_t>(small.held.back().top) % page_size());
    usual_offsets.insert(reinterpret_cast<std::uintptr_t>(usual.held.back().top) % page_size());
  }
  CHECK(small_offsets.size() == 1);
  CHECK(small_offsets.count(0) == 1);
  CHECK(usual_offsets.size() == stack_pool::largest_colour / 64 + 1);
  for (const std::uintptr_t offset : usual_offsets) CHECK((offset == 0 || page_size() - offset <= stack_pool::largest_colour));
}

TEST_CASE_FIXTURE(pool_fixture, "in use, pooled and high water, in every step") {
  stack_pool pool(10, watched_memory);
  const auto figures = [&pool] { return words(pool.statistics()); };
  CHECK(figures() == "used=0 pooled=0 most=0");
  const stack a = pool.acquire(0);
  CHECK(figures() == "used=1 pooled=0 most=1");
  const stack b = pool.acquire(3);
  CHECK(figures() == "used=2 pooled=0 most=2");
  pool.release(a);
  CHECK(figures() == "used=1 pooled=1 most=2");
  const stack c = pool.acquire(0);
  CHECK(figures() == "used=2 pooled=0 most=2");
  pool.ensure(0);  // opens one and keeps it
  CHECK(figures() == "used=2 pooled=1 most=2");
  pool.ensure(0);
  CHECK(figures() == "used=2 pooled=1 most=2");
  const stack d = pool.acquire(0);
  CHECK(figures() == "used=3 pooled=0 most=3");
  pool.release(b);
  pool.release(c);
  pool.release(d);
  CHECK(figures() == "used=0 pooled=3 most=3");
  CHECK(pool.trim(1, 100) == 1);
  CHECK(figures() == "used=0 pooled=3 most=3");
}

// --- Guards ---

TEST_CASE_FIXTURE(pool_fixture, "no way to make a guard: no stack, and a typed error with the system's reason") {
  calls::guards = false;
  calls::old_guards = false;
  stack_pool pool(100, watched_memory);
  for (int i = 0; i < 3; ++i) {
    CHECK_FALSE(pool.acquire(2));
    CHECK(caught([&] { pool.ensure(2); }) == "stack_exhausted");
  }
  CHECK(contains(why_exhausted(pool, 2), "no guarded stack of 16 KiB after 0 of them"));
  CHECK(contains(why_exhausted(pool, 2), "vm.max_map_count"));
  CHECK(contains(why_exhausted(pool, 2), "Cannot allocate memory"));
  CHECK(pool.statistics().in_use == 0);
  CHECK(pool.statistics().pooled == 0);
  calls::old_guards = true;
  held_stacks stacks(pool);
  CHECK(stacks.take(2));
  CHECK(stacks.all_sound());
}

TEST_CASE_FIXTURE(pool_fixture, "a kernel without MADV_GUARD_INSTALL: each guard is a protected page, of every size") {
  calls::guards = false;
  stack_pool pool(40, watched_memory);
  held_stacks stacks(pool);
  for (int i = 0; i < 40; ++i) REQUIRE(stacks.take(i % 2 == 0 ? 0 : stack_pool::class_of(256 * 1024)));
  CHECK(calls::made_old_guards == 40);
  CHECK(stacks.all_sound());
  stacks.release();
  pool.trim(0, 1000);
  for (int i = 0; i < 40; ++i) REQUIRE(stacks.take(i % 2 == 0 ? 0 : stack_pool::class_of(256 * 1024)));
  CHECK(calls::made_old_guards == 40);
  CHECK(stacks.all_sound());
}

TEST_CASE_FIXTURE(pool_fixture, "locked memory, which the new kind of guard refuses: protected pages all the same") {
  calls::lock = true;
  stack_pool pool(16, watched_memory);
  held_stacks stacks(pool);
  for (int i = 0; i < 16; ++i) REQUIRE(stacks.take(2));
  CHECK(stacks.all_sound());
  CHECK(resident_pages(pool.limit_of(stacks.held[7]), stack_pool::usable_size(2)) == 4);  // it really is locked
  CHECK(calls::made_old_guards == 16);
}

TEST_CASE_FIXTURE(pool_fixture, "a program that locks all its memory") {
  if (::syscall(SYS_mlockall, MCL_FUTURE) != 0) {
    MESSAGE("skipped: the system lets this user lock nothing");
    return;
  }
  {
    stack_pool pool(16, watched_memory);
    held_stacks stacks(pool);
    for (int i = 0; i < 16; ++i) REQUIRE(stacks.take(2));
    CHECK(stacks.all_sound());
  }
  ::syscall(SYS_munlockall);
}

TEST_CASE_FIXTURE(pool_fixture, "guards outlive use, trimming and reuse") {
  stack_pool pool(64, watched_memory);
  held_stacks stacks(pool);
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 64; ++i) REQUIRE(stacks.take(2));
    CHECK(stacks.all_sound());
    stacks.release();
    pool.trim(0, 1000);
  }
}

TEST_CASE_FIXTURE(pool_fixture, "in_guard: the guards of stacks only") {
  stack_pool pool(20, watched_memory);
  CHECK_FALSE(pool.in_guard(nullptr));
  CHECK_FALSE(pool.in_guard(&pool));
  held_stacks stacks(pool);
  for (int i = 0; i < 20; ++i) REQUIRE(stacks.take(3));
  std::size_t wrong = 0;
  for (const stack s : stacks.held) {
    const std::byte* const limit = pool.limit_of(s);
    for (std::size_t i = 1; i <= stack_pool::guard_size(); i += 8) wrong += !pool.in_guard(limit - i);
    for (const std::byte* p = limit; p < s.top; p += 8) wrong += pool.in_guard(p);
  }
  CHECK(wrong == 0);
  CHECK_FALSE(pool.in_guard(&wrong));
  CHECK_FALSE(pool.in_guard(reinterpret_cast<const void*>(std::numeric_limits<std::uintptr_t>::max())));
}

TEST_CASE_FIXTURE(pool_fixture, "a system call that writes below a stack fails with EFAULT") {
  stack_pool pool(4, watched_memory);
  held_stacks stacks(pool);
  REQUIRE(stacks.take(2));
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  REQUIRE(::write(ends[1], "x", 1) == 1);
  // As a raw call: the tools would look at the buffer first.
  const auto n = ::syscall(SYS_readv, ends[0], std::array{iovec{pool.limit_of(stacks.held[0]) - 1, 1}}.data(), 1);
  CHECK(n == -1);
  CHECK(errno == EFAULT);
  ::close(ends[0]);
  ::close(ends[1]);
}

// --- Calls that fail ---

namespace {

/// Takes, gives back, trims and takes again. Returns how often there was no stack; each that there was is sound.
int whole_scenario(stack_pool& pool) {
  int refused = 0;
  held_stacks stacks(pool);
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 20; ++i) refused += !stacks.take(0);
    for (int i = 0; i < 3; ++i) refused += !stacks.take(stack_pool::class_of(64 * 1024));
    CHECK(stacks.all_sound());
    CHECK(pool.statistics().in_use == stacks.held.size());
    stacks.release();
    CHECK(pool.statistics().in_use == 0);
    pool.trim(2, 5);
  }
  return refused;
}

/// The scenario with each call failing in turn; `how` many fail. Afterwards nothing fails any more. Returns how often there
/// was no stack.
int fail_each_call(calls::failing how, bool guards) {
  int refused = 0;
  for (int k = 1;; ++k) {
    calls::reset();
    calls::guards = guards;
    calls::fail_at = k;
    calls::how = how;
    {
      stack_pool pool(1000, watched_memory);
      const int now_refused = whole_scenario(pool);
      refused += now_refused;
      if (now_refused > 0) CHECK(contains(why_exhausted(pool, 0), "the system refuses"));
      const bool all_passed = calls::count < k;
      calls::how = calls::failing::none;
      CHECK(whole_scenario(pool) == 0);
      if (all_passed) {
        CHECK(now_refused == 0);
        CHECK(k > 25);
        break;
      }
    }
    CHECK(calls::mapped.empty());
  }
  return refused;
}

}  // namespace

TEST_CASE_FIXTURE(pool_fixture, "each memory call in turn fails once: sound stacks or none, no leak, and the pool works again") {
  CHECK(fail_each_call(calls::failing::one, true) == 0);  // each has another way
}

TEST_CASE_FIXTURE(pool_fixture, "the same from that call on") { CHECK(fail_each_call(calls::failing::rest, true) > 0); }

TEST_CASE_FIXTURE(pool_fixture, "the same on a kernel without MADV_GUARD_INSTALL") {
  CHECK(fail_each_call(calls::failing::one, false) > 0);
  CHECK(fail_each_call(calls::failing::rest, false) > 0);
}

TEST_CASE_FIXTURE(pool_fixture, "no memory for the pool's own list: no stack, a typed error, and it works again") {
  if (!allocations_are_ours()) return;
  stack_pool pool(100, watched_memory);
  held_stacks stacks(pool);
  stacks.held.reserve(100);
  for (int i = 0; i < 16; ++i) REQUIRE(stacks.take(0));
  bool taken = true;
  {
    const no_memory none;
    taken = stacks.take(0);
  }
  CHECK_FALSE(taken);
  CHECK(contains(why_exhausted(pool, 0), "no guarded stack of 4 KiB after 16 of them"));
  CHECK(stacks.take(0));
  CHECK(stacks.all_sound());
}

TEST_CASE_FIXTURE(pool_fixture, "address space is short: less is reserved, and more when there is more") {
  calls::largest_map = 1 << 20;
  stack_pool pool(100'000, watched_memory);
  held_stacks stacks(pool);
  for (int i = 0; i < 100; ++i) REQUIRE(stacks.take(2));
  for (const auto& m : calls::mapped) CHECK(m.second <= calls::largest_map);
  calls::largest_map = 0;
  int more = 0;
  while (stacks.take(2)) ++more;
  CHECK(more < 100);
  CHECK(contains(why_exhausted(pool, 2), "ulimit -v"));
  calls::largest_map = std::numeric_limits<std::size_t>::max();
  for (int i = 0; i < 100; ++i) REQUIRE(stacks.take(2));
  CHECK(stacks.all_sound());
}

TEST_CASE_FIXTURE(pool_fixture, "address space that was short for long does not end the pool") {
  const unsigned int size_class = 2;
  calls::largest_map = stack_pool::usable_size(size_class) + stack_pool::guard_size();  // room for one
  stack_pool pool(1000, watched_memory);
  held_stacks stacks(pool);
  int taken = 0;
  while (taken < 100 && stacks.take(size_class)) ++taken;
  CHECK(taken >= 12);
  calls::largest_map = std::numeric_limits<std::size_t>::max();
  CHECK(stacks.take(size_class));
  CHECK(stacks.all_sound());
}

// --- Limits ---

TEST_CASE_FIXTURE(pool_fixture, "the limit holds for each class; limit - 1, limit and limit + 1") {
  stack_pool pool(3, watched_memory);
  held_stacks first(pool), second(pool);
  for (int i = 0; i < 3; ++i) CHECK(first.take(0));
  CHECK_FALSE(first.take(0));
  CHECK_FALSE(first.take(0));
  for (int i = 0; i < 3; ++i) CHECK(second.take(1));
  CHECK_FALSE(second.take(1));
  CHECK(pool.statistics().high_water == 6);
  CHECK(caught([&] { pool.ensure(0); }) == "stack_exhausted");
  CHECK(contains(why_exhausted(pool, 0), "all 3 stacks of 4 KiB"));
  CHECK(contains(why_exhausted(pool, 0), "loop_options::max_stacks"));
  first.release();
  CHECK(first.take(0));
  CHECK_NOTHROW(pool.ensure(0));
}

TEST_CASE_FIXTURE(pool_fixture, "a limit of none") {
  stack_pool pool(0, watched_memory);
  CHECK_FALSE(pool.acquire(0));
  CHECK(caught([&] { pool.ensure(0); }) == "stack_exhausted");
}

TEST_CASE_FIXTURE(pool_fixture, "RLIMIT_AS: a typed error, and the pool works again when the limit is raised") {
  if (!no_more_addresses::can_be()) return;
  stack_pool pool(100'000, watched_memory);
  held_stacks stacks(pool);
  stacks.held.reserve(200);
  REQUIRE(stacks.take(0));
  bool same_region = false;
  bool other_region = true;
  {
    const no_more_addresses now;
    same_region = stacks.take(0);
    other_region = stacks.take(1);
  }
  CHECK(same_region);
  CHECK_FALSE(other_region);
  CHECK(contains(why_exhausted(pool, 1), "ulimit -v"));
  CHECK(stacks.take(1));
  CHECK(stacks.all_sound());
}

TEST_CASE_FIXTURE(fixture, "RLIMIT_AS: async throws, and works again when the limit is raised") {
  if (!no_more_addresses::can_be()) return;
  run([] {
    const auto other_size = [] { return async(task_options{.stack_size = 64 * 1024}, [] { return 1; }).await(); };
    std::string refused;
    int usual = 0;
    {
      const no_more_addresses now;
      refused = caught(other_size);
      usual = async([] { return 2; }).await();
    }
    CHECK(refused == "stack_exhausted");
    CHECK(usual == 2);
    CHECK(other_size() == 1);
  });
}

TEST_CASE_FIXTURE(pool_fixture, "protected guards end at vm.max_map_count: with an error, never without a guard") {
  if (!may_starve()) return;
  std::size_t most = 0;
  std::ifstream("/proc/sys/vm/max_map_count") >> most;
  if (most == 0 || most > 100'000) {
    MESSAGE("skipped: vm.max_map_count is " << most << ", which would take long to reach");
    return;
  }
  calls::guards = false;
  stack_pool pool(most, watched_memory);
  held_stacks stacks(pool);
  stacks.held.reserve(most);
  while (stacks.take(0)) continue;
  const std::string why = why_exhausted(pool, 0);
  const std::size_t got = stacks.held.size();
  const stack last = stacks.held.back();
  const bool last_is_sound = is_sound(pool, last);
  CHECK(last_is_sound);
  CHECK(contains(why, "after " + std::to_string(got) + " of them"));
  CHECK(contains(why, "vm.max_map_count"));
  CHECK(got < most / 2 + 1);
  CHECK(got > most / 4);
  // Those that there are serve again.
  stacks.release();
  CHECK(pool.acquire(0).top == last.top);
  pool.release(last);
}

// --- Memory and mappings ---

TEST_CASE_FIXTURE(pool_fixture, "trim gives memory back, of the longest unused first, and keeps the last ones warm") {
  stack_pool pool(32, watched_memory);
  held_stacks stacks(pool);
  for (int i = 0; i < 10; ++i) REQUIRE(stacks.take(2));
  const std::vector<stack> all = stacks.held;
  const auto resident = [&pool](stack s) { return resident_pages(pool.limit_of(s), stack_pool::usable_size(2)); };
  const auto dirty = [&pool](stack s) { std::fill(pool.limit_of(s), s.top, std::byte{1}); };
  for (const stack s : all) dirty(s);
  CHECK(pool.trim(0, 100) == 0);  // all in use
  CHECK(resident(all[0]) == 4);
  stacks.release();
  CHECK(resident(all[0]) == 4);
  CHECK(pool.trim(4, 2) == 2);
  CHECK(resident(all[0]) == 0);
  CHECK(resident(all[1]) == 0);
  CHECK(resident(all[2]) == 4);
  CHECK(pool.trim(4, 100) == 4);
  for (std::size_t i = 0; i < 6; ++i) CHECK(resident(all[i]) == 0);
  for (std::size_t i = 6; i < 10; ++i) CHECK(resident(all[i]) == 4);
  CHECK(pool.trim(4, 100) == 0);

  // One that was cold is used and comes back warm: it is trimmed again.
  for (int i = 0; i < 5; ++i) REQUIRE(stacks.take(2));
  CHECK(stacks.held.back().top == all[5].top);
  for (const stack s : stacks.held) dirty(s);
  stacks.release();
  CHECK(pool.trim(0, 100) == 5);
  for (const stack s : all) CHECK(resident(s) == 0);
  CHECK(pool.trim(0, 100) == 0);
  // What was given back is zero again, and usable.
  REQUIRE(stacks.take(2));
  CHECK(stacks.held[0].top[-1] == std::byte{});
  CHECK(stacks.all_sound());
}

TEST_CASE_FIXTURE(pool_fixture, "only touched pages are resident") {
  stack_pool pool(8, watched_memory);
  held_stacks stacks(pool);
  const unsigned int size_class = stack_pool::class_of(4 << 20);  // where a huge page would fit
  for (int i = 0; i < 8; ++i) REQUIRE(stacks.take(size_class));
  for (const stack s : stacks.held) pool.limit_of(s)[2 << 20] = std::byte{1};
  for (const stack s : stacks.held) CHECK(resident_pages(pool.limit_of(s), stack_pool::usable_size(size_class)) == 1);
}

TEST_CASE_FIXTURE(pool_fixture, "the number of mappings does not grow with the number of stacks") {
  const std::size_t count = in_valgrind() ? 1'000 : 100'000;  // Valgrind searches its list of stacks for each
  stack_pool pool(count, watched_memory);
  held_stacks stacks(pool);
  stacks.held.reserve(count);
  REQUIRE(stacks.take(2));
  if (calls::made_old_guards > 0) {
    MESSAGE("skipped: this kernel has no MADV_GUARD_INSTALL");
    return;
  }
  for (std::size_t i = 1; i < count; ++i) REQUIRE(stacks.take(2));
  CHECK(mappings_of_pools() > 0);
  CHECK(mappings_of_pools() <= 10);
  CHECK(is_sound(pool, stacks.held.front()));
  CHECK(is_sound(pool, stacks.held[count / 2]));
  CHECK(is_sound(pool, stacks.held.back()));
}

TEST_CASE("a pool that goes leaves no mapping") {
  const std::size_t before = mappings();
  for (int i = 0; i < 30; ++i) {
    stack_pool pool(1000);
    held_stacks stacks(pool);
    for (unsigned int c = 0; c < 8; ++c) REQUIRE(stacks.take(c));
  }
  CHECK(mappings() <= before + 30);
}

// --- By nakh::async ---

namespace {

/// Runs `f` with room for that many stacks of each size.
template <class F>
void run_with(fixture& here, std::size_t max_stacks, F&& f) {
  run(run_options{.clock = &here.clock, .loop = {.max_stacks = max_stacks}}, std::forward<F>(f));
}

}  // namespace

TEST_CASE_FIXTURE(fixture, "async with a stack size that cannot be: invalid_argument, and the program goes on") {
  run([] {
    for (const std::size_t size : {std::size_t{1}, page_size() - 1, std::size_t{2} << 30, std::numeric_limits<std::size_t>::max()}) {
      CHECK(caught([size] { static_cast<void>(async(task_options{.stack_size = size}, [] {})); }) == "invalid_argument");
    }
    CHECK(all_tasks().size() == 1);
    CHECK(async([] { return 1; }).await() == 1);
  });
  CHECK(caught([] { event_loop loop(loop_options{.stack_size = 100}); }) == "invalid_argument");
}

TEST_CASE_FIXTURE(fixture, "async with stack sizes from 8 KiB to 64 MiB, multiples of a page and others: so much can be used") {
  struct use {
    static bool up_to(std::size_t bytes) {
      const auto size = bytes - bytes / 4 - 3 * 1024;  // the rest for what called us
      auto* const p = static_cast<volatile char*>(__builtin_alloca(size));
      for (std::size_t i = 0; i < size; i += 512) p[i] = 1;
      yield();
      return p[0] == 1;
    }
  };
  run([] {
    for (const std::size_t size : {8u << 10, (8u << 10) + 1, 12u << 10, 100'000u, 256u << 10, 1'000'001u, 64u << 20}) {
      CHECK(async(task_options{.stack_size = size}, [size] { return use::up_to(size); }).await());
    }
  });
}

TEST_CASE_FIXTURE(fixture, "a page of stack is enough for a task that calls and waits") {
#if defined(NAKH_ASAN)
  MESSAGE("skipped: AddressSanitizer's frames need more than that");
#else
  run([] {
    const auto on_a_page = [](auto f) { return async(task_options{.stack_size = page_size()}, f).await(); };
    CHECK(on_a_page([] { return 1; }) == 1);
    CHECK(on_a_page([] {
            yield();
            return 2;
          }) == 2);
    CHECK(on_a_page([] { return sleep(1s, 3); }) == 3);
  });
#endif
}

TEST_CASE_FIXTURE(fixture, "out of stacks: tasks that find none end with stack_exhausted, and the program goes on") {
  run_with(*this, 3, [&] {
    std::vector<task<>> sleepers;
    for (int i = 0; i < 5; ++i) sleepers.push_back(async([] { sleep(1s); }));
    const auto results = gather(return_exceptions, sleepers);
    int refused = 0;
    std::string message;
    for (const auto& r : results) {
      if (r.has_value()) continue;
      ++refused;
      try {
        std::rethrow_exception(r.error());
      } catch (const stack_exhausted& e) {
        message = e.what();
        CHECK(e.code() == std::errc::resource_unavailable_try_again);
      }
    }
    CHECK(refused == 3);
    CHECK(contains(message, "all 3 stacks of 256 KiB are in use"));
    CHECK(contains(message, "loop_options::max_stacks"));
    CHECK(now() == 1000);
    CHECK(gather([] { return sleep(1s, 1); }, [] { return sleep(1s, 2); }) == std::tuple(1, 2));
    CHECK(get_running_loop().stacks().high_water == 3);
  });
}

TEST_CASE_FIXTURE(fixture, "out of stacks already when the task is made: async throws, and another size is another matter") {
  run_with(*this, 2, [] {
    auto sleeper = async([] { sleep(1h); });
    yield();
    CHECK(caught([] { static_cast<void>(async([] {})); }) == "stack_exhausted");
    CHECK(all_tasks().size() == 2);
    CHECK(async(task_options{.stack_size = 16 * 1024}, [] { return 1; }).await() == 1);
    sleeper.cancel();
    CHECK(caught([&] { sleeper.await(); }) == "cancelled_error");
    CHECK(async([] { return 2; }).await() == 2);
  });
}

TEST_CASE_FIXTURE(fixture, "room for two: one child after the other has a stack") {
  run_with(*this, 2, [] {
    for (int i = 0; i < 5; ++i) {
      CHECK(async([i] { return i; }).await() == i);
      CHECK(async([i] { return sleep(1s, i); }).await() == i);
    }
    CHECK(get_running_loop().stacks().high_water == 2);
  });
}

TEST_CASE_FIXTURE(fixture, "a loop's figures, in every step") {
  run([] {
    const auto figures = [] { return words(get_running_loop().stacks()); };
    CHECK(figures() == "used=1 pooled=0 most=1");
    auto a = async(task_options{.stack_size = 64 * 1024}, [] { sleep(1s); });
    yield();
    CHECK(figures() == "used=2 pooled=0 most=2");
    a.await();
    CHECK(figures() == "used=1 pooled=1 most=2");
    auto b = async(task_options{.stack_size = 16 * 1024}, [] { sleep(1s); });
    yield();
    CHECK(figures() == "used=2 pooled=1 most=2");  // never more than two at the same time
    b.await();
    CHECK(figures() == "used=1 pooled=2 most=2");
    const std::vector sleepers{async([] { sleep(1s); }), async([] { sleep(2s); }), async([] { sleep(3s); })};
    yield();
    CHECK(figures() == "used=4 pooled=2 most=4");
    sleep(1500ms);
    CHECK(figures() == "used=3 pooled=3 most=4");
    gather(sleepers);
    CHECK(figures() == "used=1 pooled=5 most=4");
  });
}

TEST_CASE_FIXTURE(fixture, "trim_stacks of a loop, in the middle of work") {
  run([] {
    struct touch {
      static int down(int depth) {  // NOLINT(misc-no-recursion)
        std::array<volatile char, 1024> frame{};
        frame[0] = 1;
        return depth == 0 ? frame[0] : down(depth - 1) + frame[0];
      }
    };
    auto sleeper = async([] {
      const int n = touch::down(50);
      sleep(1s);
      return n + touch::down(50);
    });
    std::vector<task<int>> tasks;
    for (int i = 0; i < 20; ++i) tasks.push_back(async([] { return touch::down(50); }));
    CHECK(gather(tasks) == std::vector<int>(20, 51));
    get_running_loop().trim_stacks();
    CHECK(async([] { return touch::down(50); }).await() == 51);
    CHECK(sleeper.await() == 102);
  });
}
