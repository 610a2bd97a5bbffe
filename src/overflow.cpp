// SPDX-License-Identifier: BSL-1.0
#include "overflow.hpp"

#include "scheduler.hpp"

#include <ucontext.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>

namespace nakh::detail {

namespace {

constexpr std::size_t signal_stack_size = 64 * 1024;

struct sigaction former;  // What SIGSEGV did before.

// A line put together without allocation, for a signal handler.
class line {
 public:
  line& operator<<(const char* text) noexcept {
    while (*text != '\0' && length_ < text_.size()) text_[length_++] = *text++;
    return *this;
  }
  line& number(std::uintptr_t n, unsigned int base) noexcept {
    std::array<char, 24> digits{};
    std::size_t at = digits.size() - 1;
    do {
      digits[--at] = "0123456789abcdef"[n % base];
      n /= base;
    } while (n != 0);
    return *this << &digits[at];
  }
  void print() const noexcept { static_cast<void>(!write(STDERR_FILENO, text_.data(), length_)); }

 private:
  std::array<char, 512> text_{};
  std::size_t length_ = 0;
};

// By kill or raise, that is: no instruction has failed, and the address means nothing.
bool was_sent(const siginfo_t& info) noexcept { return info.si_code <= 0; }

void pass_on(int signal, siginfo_t* info, void* machine) {
  if ((former.sa_flags & SA_SIGINFO) != 0) {
    former.sa_sigaction(signal, info, machine);
  } else if (former.sa_handler == SIG_IGN && was_sent(*info)) {
    return;
  } else if (former.sa_handler == SIG_DFL || former.sa_handler == SIG_IGN) {
    std::signal(signal, SIG_DFL);  // the instruction is repeated, and ends the program
    if (was_sent(*info)) static_cast<void>(raise(signal));
  } else {
    former.sa_handler(signal);
  }
}

const void* stack_pointer(const void* machine) noexcept {
  const auto& registers = static_cast<const ucontext_t*>(machine)->uc_mcontext;
#if defined(__x86_64__)
  return reinterpret_cast<const void*>(registers.gregs[REG_RSP]);  // NOLINT(performance-no-int-to-ptr): a register is a number
#else
  return reinterpret_cast<const void*>(registers.sp);
#endif
}

// A probe of a large frame touches what lies a little above the stack pointer, which may be below the pool's first guard.
bool is_on_stack_of(const stack_pool& pool, const void* sp) noexcept {
  return pool.contains(sp) || pool.contains(static_cast<const std::byte*>(sp) + stack_pool::guard_size());
}

void on_fault(int signal, siginfo_t* info, void* machine) {
  const scheduler* const s = this_scheduler;
  // Whoever runs on one of the stacks is the culprit, whichever guard it hit.
  if (s == nullptr || was_sent(*info) || !s->stacks().in_guard(info->si_addr) || !is_on_stack_of(s->stacks(), stack_pointer(machine))) {
    pass_on(signal, info, machine);
    return;
  }
  line text;
  const char* option = "task_options";
  if (const fiber* const f = s->stack_owner()) {
    std::array<char, 256> name{};
    const routine* const r = s->current_routine();
    s->owner().write_name(r != nullptr ? *r : *f, name.data(), name.size());
    text << "nakh: stack overflow in " << (f->side != nullptr ? "a generator of task '" : "task '") << name.data() << "': its ";
    text.number(stack_pool::usable_size(f->present_stack().size_class), 10) << " bytes are used up";
    if (f->side != nullptr) option = "generator_options";
  } else {
    text << "nakh: stack overflow in a task that had just ended, while what it left was destroyed or reported";
  }
  text << "; address 0x";
  text.number(reinterpret_cast<std::uintptr_t>(info->si_addr), 16) << ". Give it more with " << option << "::stack_size.\n";
  text.print();
  std::abort();
}

void install_handler() noexcept {
  struct sigaction action{};
  action.sa_sigaction = &on_fault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  sigaction(SIGSEGV, &action, &former);
}

}  // namespace

overflow_detection::overflow_detection() noexcept {
  static std::once_flag once;
  std::call_once(once, &install_handler);

  stack_t present{};
  if (sigaltstack(nullptr, &present) != 0 || (present.ss_flags & SS_DISABLE) == 0) return;
  memory_.reset(new (std::nothrow) std::byte[signal_stack_size]);
  if (!memory_) return;  // an overflow still ends the program, without the message
  stack_t own{};
  own.ss_sp = memory_.get();
  own.ss_size = signal_stack_size;
  if (sigaltstack(&own, nullptr) != 0) memory_.reset();
}

overflow_detection::~overflow_detection() {
  if (!memory_) return;
  stack_t none{};
  none.ss_flags = SS_DISABLE;
  sigaltstack(&none, nullptr);
}

}  // namespace nakh::detail
