// SPDX-License-Identifier: BSL-1.0
#pragma once

// The machine context of a fiber and the switch from one to another. The only file that knows Boost.Context.
//
// A switch saves what the calling convention makes the callee save, how floating point rounds and traps (MXCSR and the
// x87 control word, or FPCR), and the C++ runtime's record of exceptions being handled. It does not save: errno and other
// thread_local data (a fiber never changes thread, so they are the thread's), the signal mask, caller-saved registers,
// AVX upper halves.

#include <array>
#include <boost/context/detail/fcontext.hpp>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "sanitizers.hpp"

namespace nakh::detail {

/// What the Itanium C++ ABI keeps per thread about exceptions (`__cxa_eh_globals`): it belongs to a fiber, or awaiting
/// inside a `catch` would make another fiber's `throw;` rethrow this one's exception.
struct exception_state {
  void* caught = nullptr;
  unsigned int uncaught = 0;

  [[nodiscard]] bool any() const noexcept { return (reinterpret_cast<std::uintptr_t>(caught) | uncaught) != 0; }
};

/// This thread's exception state in the C++ runtime.
exception_state* thread_exception_state() noexcept;

/// The floating-point flags that only ever accumulate ("sticky"): those of MXCSR, which Boost.Context saves at the bottom
/// of a context's frame. None where it does not, which the first loop finds out.
///
/// A switch reloads MXCSR, and a reload with a different value costs some 50 ns on current x86-64: one inexact division
/// in one fiber would make every switch slow. So each context goes on with all flags set, whichever it left with, and
/// the value never differs for long. The price: `fetestexcept` says nothing in a fiber that has waited. Rounding mode
/// and masks stay each fiber's own.
extern unsigned int sticky_flags;

#if defined(__x86_64__) && !defined(NAKH_ASAN) && !defined(NAKH_TSAN)
inline constexpr bool can_set_saved_flags = true;
#else
inline constexpr bool can_set_saved_flags = false;
#endif

/// How floating-point results are rounded and which errors trap: each fiber's own, and at its begin the loop's.
class float_control {
 public:
  /// What this thread has now.
  [[nodiscard]] static float_control current() noexcept {
    float_control c;
#if defined(__x86_64__)
    __asm__ volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(c.mxcsr_), "=m"(c.x87_));
    c.mxcsr_ |= 0x3f;  // the flags are no part of it
#elif defined(__aarch64__)
    __asm__ volatile("mrs %0, fpcr" : "=r"(c.fpcr_));
#endif
    return c;
  }
  void restore() const noexcept {
    if (*this == current()) [[likely]]
      return;
#if defined(__x86_64__)
    __asm__ volatile("ldmxcsr %0\n\tfldcw %1" : : "m"(mxcsr_), "m"(x87_));
#elif defined(__aarch64__)
    __asm__ volatile("msr fpcr, %0" : : "r"(fpcr_));
#endif
  }
  friend bool operator==(const float_control&, const float_control&) noexcept = default;

 private:
#if defined(__x86_64__)
  unsigned int mxcsr_ = 0;
  unsigned short x87_ = 0;
#elif defined(__aarch64__)
  unsigned long fpcr_ = 0;
#endif
};

/// Where the registers of a suspended context lie, in bytes from where its stack pointer was left: for those who walk its
/// stack. Boost.Context's builds differ in it, so it is found out by a trial.
struct saved_frame {
#if defined(__x86_64__)
  static constexpr std::array<int, 6> registers = {3, 6, 12, 13, 14, 15};  ///< By their DWARF numbers: rbx, rbp, r12 to r15.
  static constexpr int stack_register = 7;
#elif defined(__aarch64__)
  static constexpr std::array<int, 11> registers = {19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29};
  static constexpr int stack_register = 31;
#else
  static constexpr std::array<int, 0> registers = {};
  static constexpr int stack_register = 0;
#endif
  std::array<std::int32_t, registers.size()> places{};
  std::int32_t resume = 0;  ///< Of the address where it goes on.
  std::int32_t size = 0;    ///< How far above the stack pointer is once it goes on; 0: nothing is known.

  /// Makes the trial when it is called first.
  static const saved_frame& layout() noexcept;
  static saved_frame found;  ///< The same, for a debugger, once that was called.
};

/// What a jump delivers on the other side; opaque, to be given to `context::arrive`.
using arrival = boost::context::detail::transfer_t;

/// Boost.Context's jump, entered without a call instruction where that matters.
///
/// It does not return by `ret`, so a call would leave the processor's return predictor one entry ahead on every switch,
/// and each `ret` from there up to the user's code would be mispredicted: five to ten nanoseconds each. Entered with the
/// return address pushed by hand, the predictor stays in step. The library is compiled without red zone.
[[gnu::always_inline]] inline arrival jump_context(boost::context::detail::fcontext_t to, void* data) noexcept {
#if defined(__x86_64__) && defined(__linux__) && !defined(__ILP32__) && !defined(NAKH_ASAN) && !defined(NAKH_TSAN)
  arrival a;
  void* target = to;
  __asm__ volatile(
      "leaq 1f(%%rip), %%rax\n\t"
      "pushq %%rax\n\t"
      "jmp jump_fcontext@PLT\n"
      "1:"
      : "=a"(a.fctx), "=d"(a.data), "+D"(target), "+S"(data)
      :
      : "rcx", "r8", "r9", "r10", "r11", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",
        "xmm12", "xmm13", "xmm14", "xmm15", "mm0", "mm1", "mm2", "mm3", "mm4", "mm5", "mm6", "mm7", "st", "st(1)", "st(2)", "st(3)",
        "st(4)", "st(5)", "st(6)", "st(7)", "memory", "cc");
  return a;
#else
  return boost::context::detail::jump_fcontext(to, data);
#endif
}

struct debugger_view;

class context {
 public:
  context() = default;
  context(const context&) = delete;
  context& operator=(const context&) = delete;

  /// Makes the stack [limit, top) ready to run `entry` when it is first switched to. `entry` calls `arrive` first and
  /// never returns. `top` needs no alignment.
  void prepare(std::byte* limit, std::byte* top, void (*entry)(arrival)) noexcept;

  /// Of a suspended one: where its `saved_frame` begins.
  [[nodiscard]] const std::byte* stack_pointer() const noexcept { return static_cast<const std::byte*>(stack_pointer_); }

  /// Exceptions in flight on this context while it is suspended, as `std::uncaught_exceptions()` will say again.
  [[nodiscard]] unsigned int uncaught() const noexcept { return exceptions_.uncaught; }

  /// Of a suspended one: what goes on there is called by code during whose run so many exceptions are in flight.
  void add_uncaught(unsigned int count) noexcept {
    exceptions_.uncaught += count;
    has_exceptions_ = exceptions_.any();
  }

  /// Suspends this context, which runs, and resumes `to`; returns when somebody switches back. The returned context is
  /// the one that was left to come here. `thread` is `thread_exception_state()`.
  context& jump(context& to, exception_state& thread) noexcept {
    if (thread.any() || to.has_exceptions_) [[unlikely]] {
      has_exceptions_ = thread.any();
      to.has_exceptions_ = false;
      exceptions_ = std::exchange(thread, std::exchange(to.exceptions_, {}));
    }
#if defined(__aarch64__)
    const float_control control = float_control::current();  // Boost.Context saves it on x86-64 only
#endif
    leave_for(to, true);
    context& left = arrive(jump_context(to.stack_pointer_, this));
#if defined(__aarch64__)
    control.restore();
#endif
    return left;
  }

  /// As `jump`, from a stack that never runs again. This context must stay until somebody has called `bury` on it.
  [[noreturn]] void jump_for_ever(context& to, exception_state& thread) noexcept {
    to.has_exceptions_ = false;
    thread = std::exchange(to.exceptions_, {});
    leave_for(to, false);
    jump_context(to.stack_pointer_, this);
    __builtin_unreachable();
  }

  /// First thing on a new stack and after each jump: notes where the context that was left has stopped.
  context& arrive(arrival from) noexcept {
    auto& left = *static_cast<context*>(from.data);
    left.stack_pointer_ = from.fctx;
    if constexpr (can_set_saved_flags) *static_cast<unsigned int*>(from.fctx) |= sticky_flags;
#if defined(NAKH_ASAN)
    // The left stack's bounds come from the sanitizer itself, which alone knows those of the thread's own stack.
    __sanitizer_finish_switch_fiber(fake_stack_, &left.bottom_, &left.size_);
#endif
    return left;
  }

  /// The stack of this context, on which `jump_for_ever` was called, may be used anew.
  void bury() noexcept {
#if defined(NAKH_TSAN)
    __tsan_destroy_fiber(std::exchange(tsan_fiber_, nullptr));
#endif
  }

  /// Stands for a stack that somebody else switches to and from, and that he knows as `theirs`. For the sanitizers: it is [limit, top).
  void adopt_foreign(void* theirs, [[maybe_unused]] const std::byte* limit, [[maybe_unused]] const std::byte* top) noexcept {
    stack_pointer_ = theirs;
#if defined(NAKH_ASAN)
    bottom_ = limit;
    size_ = static_cast<std::size_t>(top - limit);
#endif
#if defined(NAKH_TSAN)
    tsan_fiber_ = __tsan_create_fiber(0);
#endif
  }
  [[nodiscard]] void* theirs() const noexcept { return stack_pointer_; }
  /// Has the processor fetch what the switch to this one will touch: the tops of stacks lie at like addresses, where a cache has room
  /// for few.
  [[gnu::always_inline]] void prefetch_foreign() const noexcept {
    const auto* const top = static_cast<const std::byte*>(stack_pointer_);
    const std::byte* const frame = top - depth_;
    for (int line = 0; line <= 192; line += 64) __builtin_prefetch(top + line);
    for (int line = -192; line <= 64; line += 64) __builtin_prefetch(frame + line);
  }
  /// What belongs to `jump` apart from the jump, which somebody else makes from this stack to that of `to` right after it: until then
  /// no code must run that a sanitizer has a hand in. `keeps_exceptions`: he looks after the exceptions himself.
  NAKH_UNINSTRUMENTED void leave_to_foreign(context& to, exception_state& thread, bool keeps_exceptions,
                                            [[maybe_unused]] bool for_ever) noexcept {
    depth_ = static_cast<std::uint32_t>(static_cast<const std::byte*>(stack_pointer_) -
                                        static_cast<const std::byte*>(__builtin_frame_address(0)));
    if ((reinterpret_cast<std::uintptr_t>(thread.caught) | thread.uncaught) != 0 || to.has_exceptions_) [[unlikely]] {
      has_exceptions_ = true;
      to.has_exceptions_ = false;
      exceptions_.caught = thread.caught;
      exceptions_.uncaught = thread.uncaught;
      if (!keeps_exceptions) {
        thread.caught = to.exceptions_.caught;
        thread.uncaught = to.exceptions_.uncaught;
      }
      to.exceptions_.caught = nullptr;
      to.exceptions_.uncaught = 0;
    }
#if defined(NAKH_ASAN)
    __sanitizer_start_switch_fiber(for_ever ? nullptr : &fake_stack_, to.bottom_, to.size_);
    __sanitizer_finish_switch_fiber(to.fake_stack_, &bottom_, &size_);
#endif
#if defined(NAKH_TSAN)
    void* const left = tsan_fiber_ = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(to.tsan_fiber_, 0);
    if (for_ever) __tsan_destroy_fiber(left);
#endif
  }

  /// This context stands for the thread's own stack.
  void adopt_thread() noexcept {
    has_exceptions_ = false;
    exceptions_ = {};
#if defined(NAKH_TSAN)
    tsan_fiber_ = __tsan_get_current_fiber();
#endif
  }

  /// Takes the place of `other`, which is suspended.
  void continue_from(context& other) noexcept {
    stack_pointer_ = other.stack_pointer_;
    has_exceptions_ = false;
    exceptions_ = {};
#if defined(NAKH_ASAN)
    fake_stack_ = other.fake_stack_;
#endif
    other.hand_stack_to(*this);
  }

  /// `to` goes on running on this context's stack, without a jump.
  void hand_stack_to([[maybe_unused]] context& to) noexcept {
#if defined(NAKH_ASAN)
    to.bottom_ = bottom_;
    to.size_ = size_;
#endif
#if defined(NAKH_TSAN)
    to.tsan_fiber_ = std::exchange(tsan_fiber_, nullptr);
#endif
  }

 private:
  void leave_for([[maybe_unused]] context& to, [[maybe_unused]] bool comes_back) noexcept {
#if defined(NAKH_ASAN)
    __sanitizer_start_switch_fiber(comes_back ? &fake_stack_ : nullptr, to.bottom_, to.size_);
#endif
#if defined(NAKH_TSAN)
    __tsan_switch_to_fiber(to.tsan_fiber_, 0);
#endif
  }

#if defined(NAKH_ASAN)
  void* fake_stack_ = nullptr;
  const void* bottom_ = nullptr;
  std::size_t size_ = 0;
#endif
#if defined(NAKH_TSAN)
  void* tsan_fiber_ = nullptr;
#endif
  friend debugger_view;
  boost::context::detail::fcontext_t stack_pointer_ = nullptr;
  exception_state exceptions_;   ///< Empty while it runs.
  bool has_exceptions_ = false;  ///< `exceptions_.any()`, to be asked by one read.
  std::uint32_t depth_ = 0;      ///< Of one that somebody else switches: how far below `theirs` it was left.
};

/// Sets the sticky flags, and gives the thread its own control word back at the end.
class sticky_flags_set {
 public:
  sticky_flags_set() noexcept;
  ~sticky_flags_set();
  sticky_flags_set(const sticky_flags_set&) = delete;
  sticky_flags_set& operator=(const sticky_flags_set&) = delete;

 private:
  [[maybe_unused]] unsigned int saved_ = 0;
};

}  // namespace nakh::detail
