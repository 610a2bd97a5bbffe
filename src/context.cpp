// SPDX-License-Identifier: BSL-1.0
#include "context.hpp"

#include <cxxabi.h>

#include <iterator>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif
#if defined(NAKH_VALGRIND)
#include <valgrind/memcheck.h>
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
  has_exceptions_ = false;
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
// --- Where registers are saved ---

#if defined(__x86_64__) || defined(__aarch64__)
namespace {

constexpr std::uintptr_t register_mark = 0x4b00;

struct saving_trial {
  // Written by `jump_with_marks`, which knows their places.
  std::uintptr_t resume = 0;
  std::uintptr_t stack_pointer = 0;
  saved_frame found{};
};

// The sanitizers do not know the stack that it runs on.
#if defined(__clang__)
__attribute__((disable_sanitizer_instrumentation))
#else
__attribute__((no_sanitize("address", "thread", "undefined")))
#endif
void look_at_saved_frame(arrival from) {
  auto& trial = *static_cast<saving_trial*>(from.data);
  const auto* const words = static_cast<const std::uintptr_t*>(from.fctx);
  const auto size = static_cast<std::int32_t>(trial.stack_pointer - reinterpret_cast<std::uintptr_t>(words));
  const int count = size / static_cast<int>(sizeof *words);
#if defined(NAKH_VALGRIND)
  static_cast<void>(VALGRIND_MAKE_MEM_DEFINED(words, size));  // a frame has places that nobody writes
#endif
  int known = 0;
  for (int i = 0; i < count; ++i) {
    const auto place = static_cast<std::int32_t>(sizeof *words) * i;
    if (words[i] == trial.resume) {
      trial.found.resume = place;
      ++known;
    }
    for (unsigned int r = 0; r < saved_frame::registers.size(); ++r) {
      if (words[i] != register_mark + static_cast<unsigned int>(saved_frame::registers.begin()[r])) continue;
      trial.found.places.begin()[r] = place;
      ++known;
    }
  }
#if defined(__aarch64__)
  constexpr int also = 1;  // the address stands there as link register, and behind it as the place to go on
#else
  constexpr int also = 0;
#endif
  if (known == static_cast<int>(saved_frame::registers.size()) + 1 + also) trial.found.size = size;
  boost::context::detail::jump_fcontext(from.fctx, nullptr);
  __builtin_unreachable();
}

// A jump with a known value in each register that it has to save.
[[gnu::noinline]] void jump_with_marks(boost::context::detail::fcontext_t to, saving_trial& trial) noexcept {
#if defined(__x86_64__)
  auto* data = &trial;
  __asm__ volatile(
      "subq $128, %%rsp\n\t"  // the red zone
      "pushq %%rbp\n\t"
      "leaq 1f(%%rip), %%rax\n\t"
      "movq %%rax, 0(%%rsi)\n\t"
      "movq %%rsp, 8(%%rsi)\n\t"
      "movl $0x4b00 + 3, %%ebx\n\t"
      "movl $0x4b00 + 6, %%ebp\n\t"
      "movl $0x4b00 + 12, %%r12d\n\t"
      "movl $0x4b00 + 13, %%r13d\n\t"
      "movl $0x4b00 + 14, %%r14d\n\t"
      "movl $0x4b00 + 15, %%r15d\n\t"
      "call jump_fcontext@PLT\n"
      "1:\n\t"
      "popq %%rbp\n\t"
      "addq $128, %%rsp"
      : "+D"(to), "+S"(data)
      :
      : "rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5",
        "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "memory", "cc");
#else
  register void* x0 __asm__("x0") = to;
  register saving_trial* x1 __asm__("x1") = &trial;
  __asm__ volatile(
      "stp x29, x30, [sp, #-16]!\n\t"
      "adr x9, 1f\n\t"
      "str x9, [x1]\n\t"
      "mov x9, sp\n\t"
      "str x9, [x1, #8]\n\t"
      ".irp n, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29\n\t"
      "mov x\\n, #(0x4b00 + \\n)\n\t"
      ".endr\n\t"
      "bl jump_fcontext\n"
      "1:\n\t"
      "ldp x29, x30, [sp], #16"
      : "+r"(x0), "+r"(x1)
      :
      : "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17", "x19", "x20", "x21", "x22",
        "x23", "x24", "x25", "x26", "x27", "x28", "x30", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12",
        "v13", "v14", "v15", "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29", "v30", "v31",
        "memory", "cc");
#endif
}

}  // namespace

const saved_frame& saved_frame::layout() noexcept {
  static const bool once = [] {
    alignas(16) static std::byte probe_stack[4096];
    saving_trial trial;
    jump_with_marks(boost::context::detail::make_fcontext(std::end(probe_stack), sizeof probe_stack, &look_at_saved_frame), trial);
    found = trial.found;
    return true;
  }();
  static_cast<void>(once);
  return found;
}
#else
const saved_frame& saved_frame::layout() noexcept { return found; }
#endif
constinit saved_frame saved_frame::found;

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
