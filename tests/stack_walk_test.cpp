// SPDX-License-Identifier: BSL-1.0
#include "stack_walk.hpp"

#include "support/fixture.hpp"

#include <nakh/inspect.hpp>

#include <ucontext.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

using namespace nakh;
using namespace nakh::test;
using detail::stack_snapshot;
using detail::walk_snapshot;

namespace {

// Takes one of its own stack, from here to a word of its caller's.
[[gnu::noinline]] void take_here(stack_snapshot& s, const std::byte* end) {
  ucontext_t here{};
  REQUIRE(::getcontext(&here) == 0);
  s.take(&here, end);
}

}  // namespace

TEST_CASE("a stack that was kept is told, and what lies outside of it is not read") {
  if (const std::string why = why_no_stacks(); !why.empty()) {
    MESSAGE("skipped: " << why);
    return;
  }
  stack_snapshot s;
  take_here(s, static_cast<const std::byte*>(__builtin_frame_address(0)));
  REQUIRE(!s.is_empty());
  std::vector<stack_entry> entries;
  REQUIRE(walk_snapshot(s, entries).empty());
  CHECK(
      std::any_of(entries.begin(), entries.end(), [](const stack_entry& e) { return e.function.find("take_here") != std::string::npos; }));

  // A signal that comes late, or code without unwind tables: registers that lead to the last bytes of memory, or to its first.
  for (std::uintptr_t below_end = 8; below_end <= 512; below_end += 24) {
    CAPTURE(below_end);
    for (const std::uintptr_t place : {std::uintptr_t{0} - below_end, below_end}) {
      s.registers.fill(place);
      s.registers.back() = s.resume;  // on x86-64 the place in the code
      entries.clear();
      CHECK(walk_snapshot(s, entries).empty());
      CHECK(entries.size() <= 2);
    }
  }
}
