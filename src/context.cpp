// SPDX-License-Identifier: BSL-1.0
#include "context.hpp"

#include <cxxabi.h>

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

#if defined(__x86_64__)
sticky_flags_set::sticky_flags_set() noexcept : saved_(_mm_getcsr()) { set_sticky_flags(); }
sticky_flags_set::~sticky_flags_set() { _mm_setcsr(saved_); }
#else
sticky_flags_set::sticky_flags_set() noexcept = default;
sticky_flags_set::~sticky_flags_set() { static_cast<void>(saved_); }
#endif

}  // namespace nakh::detail
