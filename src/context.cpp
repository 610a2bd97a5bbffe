// SPDX-License-Identifier: BSL-1.0
#include "context.hpp"

#include <cxxabi.h>

#include <iterator>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace nakh::detail {

exception_state* thread_exception_state() noexcept {
  // The layout is the Itanium C++ ABI's (2.2.2): a pointer, then an unsigned int; libstdc++ and libc++abi agree.
  return reinterpret_cast<exception_state*>(abi::__cxa_get_globals());
}

void context::prepare(std::byte* limit, std::byte* top, void (*entry)(arrival)) noexcept {
  const auto size = static_cast<std::size_t>(top - limit);
  stack_pointer_ = boost::context::detail::make_fcontext(top, size, entry);
  exceptions_ = {};
#if defined(NAKH_ASAN)
  fake_stack_ = nullptr;
  bottom_ = limit;
  size_ = size;
#endif
#if defined(NAKH_TSAN)
  tsan_fiber_ = __tsan_create_fiber(0);
#endif
}

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
// What functions return by that were compiled with `function_return("thunk-extern")`: see switching.hpp. Weak, since a
// program may have its own.
__asm__(
    ".text\n"
    ".weak __x86_return_thunk\n"
    ".hidden __x86_return_thunk\n"
    ".type __x86_return_thunk, @function\n"
    "__x86_return_thunk:\n\t"
    "popq %rcx\n\t"
    "jmpq *%rcx\n"
    ".size __x86_return_thunk, . - __x86_return_thunk\n");
#endif

// --- Floating-point flags ---

constinit unsigned int sticky_flags = 0;

#if defined(__x86_64__)
namespace {

struct saved_control {
  unsigned int expected;
  bool agrees;
};

// Is the control word of who came here the first thing that was saved?
void look_at_saved_control(arrival from) {
  auto& control = *static_cast<saved_control*>(from.data);
  control.agrees = *static_cast<const unsigned int*>(from.fctx) == control.expected;
  boost::context::detail::jump_fcontext(from.fctx, nullptr);
  __builtin_unreachable();
}

// Asks with two control words, which differ in each flag and in the rounding mode.
bool saves_control_first() noexcept {
  alignas(16) static std::byte probe_stack[4096];
  const unsigned int own = _mm_getcsr();
  bool agrees = true;
  for (const unsigned int control : {(own & ~0x603fu) | 0x4000u, own | 0x203fu}) {
    saved_control asked{control, false};
    auto* const probe = boost::context::detail::make_fcontext(std::end(probe_stack), sizeof probe_stack, &look_at_saved_control);
    _mm_setcsr(control);
    boost::context::detail::jump_fcontext(probe, &asked);
    agrees = agrees && asked.agrees;
  }
  _mm_setcsr(own);
  return agrees;
}

}  // namespace

sticky_flags_set::sticky_flags_set() noexcept : saved_(_mm_getcsr()) {
  static const bool found_out = [] {
    if (can_set_saved_flags && saves_control_first()) sticky_flags = _MM_EXCEPT_MASK;
    return true;
  }();
  static_cast<void>(found_out);
  _mm_setcsr(saved_ | _MM_EXCEPT_MASK);
}
sticky_flags_set::~sticky_flags_set() { _mm_setcsr(saved_); }
#else
sticky_flags_set::sticky_flags_set() noexcept = default;
sticky_flags_set::~sticky_flags_set() = default;
#endif

}  // namespace nakh::detail
