// SPDX-License-Identifier: BSL-1.0
#include "overflow.hpp"

#include "scheduler.hpp"
#include "support/fixture.hpp"
#include "support/in_valgrind.hpp"

#include <nakh/gather.hpp>
#include <nakh/generator.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <csetjmp>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif

using namespace nakh;
using namespace nakh::test;
using namespace std::chrono_literals;

namespace {

/// How a child process ended, and what it had written to standard error.
struct ending {
  std::string text;
  int status = 0;

  [[nodiscard]] bool by(int signal) const { return WIFSIGNALED(status) && WTERMSIG(status) == signal; }
  [[nodiscard]] int code() const { return WIFEXITED(status) ? WEXITSTATUS(status) : -1; }
  /// The fault was not taken for an overflow, and did what it does without Nakh.
  [[nodiscard]] bool by_default_of(int signal) const {
#if defined(NAKH_ASAN)
    static_cast<void>(signal);
    return text.find("AddressSanitizer: ") != std::string::npos && text.find("stack overflow in task") == std::string::npos;
#else
    // Valgrind ends itself with SIGSEGV when a fiber gets another fatal signal.
    return (by(signal) || (in_valgrind() && by(SIGSEGV))) && text.find("stack overflow in task") == std::string::npos;
#endif
  }
};

/// Runs `body` in a child process.
template <class F>
ending in_child(F&& body) {
#if __has_include(<valgrind/valgrind.h>)
  VALGRIND_CLO_CHANGE("--child-silent-after-fork=yes");  // or it tells what each child that is aborted had not freed
#endif
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  std::fflush(nullptr);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::dup2(ends[1], STDERR_FILENO);
    ::close(ends[0]);
    ::close(ends[1]);
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    ::alarm(60);
    std::forward<F>(body)();
    std::fflush(nullptr);
    ::_exit(0);
  }
  ::close(ends[1]);
  ending result;
  std::array<char, 4096> buffer{};
  for (ssize_t n = 0; (n = ::read(ends[0], buffer.data(), buffer.size())) > 0;)
    result.text.append(buffer.data(), static_cast<std::size_t>(n));
  ::close(ends[0]);
  REQUIRE(::waitpid(child, &result.status, 0) == child);
  return result;
}

/// `nakh::run` in virtual time.
template <class F>
void run_virtually(F&& f) {
  virtual_clock clock;
  nakh::run(run_options{.clock = &clock}, std::forward<F>(f));
}

/// False where there can be no child processes.
bool can_fork() {
#if defined(NAKH_TSAN)
  MESSAGE("skipped: no fork in ThreadSanitizer");
  return false;
#else
  return true;
#endif
}

/// The lowest address of the running task's stack: right above the first guard below us.
std::uintptr_t stack_limit() {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const detail::stack_pool& stacks = detail::this_scheduler->stacks();
  std::uintptr_t p = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)) / page * page;
  while (!stacks.in_guard(reinterpret_cast<const void*>(p - page))) p -= page;
  return p;
}
/// In a child: tells the parent where the running task's stack ends; on very little stack.
void tell_limit() {
  std::array<char, 32> text{"limit 0x"};
  char* const end = std::to_chars(&text[8], text.data() + text.size() - 1, stack_limit(), 16).ptr;
  *end = '\n';
  static_cast<void>(!::write(STDERR_FILENO, text.data(), static_cast<std::size_t>(end + 1 - text.data())));
}

/// What a report of an overflow says.
struct overflow {
  std::string task;
  std::size_t size = 0;
  std::uintptr_t address = 0;
  bool in_own_guard = false;  ///< As the task has told.
};

std::string_view between(std::string_view text, std::string_view before, std::string_view after) {
  const auto at = text.find(before);
  if (at == std::string_view::npos) return {};
  text.remove_prefix(at + before.size());
  return text.substr(0, text.find(after));
}

/// Empty when the child did not end with exactly one report.
overflow reported(const ending& e) {
  constexpr std::string_view start = "nakh: stack overflow in task '";
  const auto at = e.text.find(start);
  if (!e.by(SIGABRT) || at == std::string::npos || e.text.find(start, at + 1) != std::string::npos) return {};
  overflow o;
  o.task = between(e.text, start, "': its ");
  o.size = std::strtoull(std::string(between(e.text, "': its ", " bytes are used up")).c_str(), nullptr, 10);
  o.address =
      std::strtoull(std::string(between(e.text, "; address 0x", ". Give it more with task_options::stack_size.\n")).c_str(), nullptr, 16);
  const std::uintptr_t limit = std::strtoull(std::string(between(e.text, "limit 0x", "\n")).c_str(), nullptr, 16);
  o.in_own_guard = limit != 0 && o.address < limit && o.address >= limit - detail::stack_pool::guard_size();
  return o;
}

/// Recursion without an end, in frames of `Size` bytes, of which the lowest are touched first.
template <std::size_t Size>
[[gnu::noinline]] int recurse(volatile std::byte* above = nullptr) {  // NOLINT(misc-no-recursion)
  volatile std::byte frame[Size];                                     // NOLINT(modernize-avoid-c-arrays)
  frame[0] = std::byte{1};
  if (above != nullptr && *above != std::byte{1}) return 0;  // never
  return recurse<Size>(frame) + static_cast<int>(frame[0]);
}

/// The same with a size that is known at run time only.
[[gnu::noinline]] int recurse_with_alloca(std::size_t size, volatile std::byte* above = nullptr) {  // NOLINT(misc-no-recursion)
  auto* const frame = static_cast<volatile std::byte*>(__builtin_alloca(size));
  frame[0] = std::byte{1};
  if (above != nullptr && *above != std::byte{1}) return 0;  // never
  return recurse_with_alloca(size, frame) + static_cast<int>(frame[0]);
}

/// Sixteen sizes an octave, from 16 bytes to 2 MiB.
constexpr std::size_t sizes = 272;
constexpr std::size_t frame_size(std::size_t i) { return (16 + i % 16) << (i / 16); }
static_assert(frame_size(0) == 16 && frame_size(sizes - 1) > 2'000'000);

using recursion = int (*)(volatile std::byte*);
template <std::size_t... I>
constexpr std::array<recursion, sizeof...(I)> all_recursions(std::index_sequence<I...>) {
  return {&recurse<frame_size(I)>...};
}
constexpr auto recursions = all_recursions(std::make_index_sequence<sizes>());

/// How far to step through the sizes.
std::size_t step() {
  if (!in_valgrind()) return 1;
  MESSAGE("every eighth size only: a child process takes long in Valgrind");
  return 8;
}

/// In a child: runs `f` as a task with that name and stack, to its overflow.
template <class F>
void overflow_in_task(std::string name, std::size_t stack_size, F&& f) {
  run_virtually([&] {
    async(task_options{.name = std::move(name), .stack_size = stack_size}, [&f] {
      tell_limit();
      f();
    }).await();
  });
}

/// A fault that neither the compiler nor UBSan sees coming.
__attribute__((no_sanitize("undefined"))) void write_to(std::uintptr_t address) {
  __asm__ volatile("" : "+r"(address));
  *reinterpret_cast<volatile int*>(address) = 1;
}

/// A fault of the other kind.
void write_beyond_the_end_of_a_file() {
  const int file = ::memfd_create("empty", 0);
  void* const p = ::mmap(nullptr, 8 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  write_to(reinterpret_cast<std::uintptr_t>(p) + 4 * 4096);
}

}  // namespace

// --- Each overflow is found ---

TEST_CASE("272 frame sizes from 16 bytes to 2 MiB: each overflow is found, below the task's own stack") {
  if (!can_fork()) return;
  for (std::size_t i = 0, by = step(); i < sizes; i += by) {
    CAPTURE(frame_size(i));
    const ending e = in_child([i] { overflow_in_task("deep", 32 * 1024, [i] { recursions[i](nullptr); }); });
    const overflow o = reported(e);
    CHECK_MESSAGE(o.task == "deep", e.text);
    CHECK(o.size == 32 * 1024);
    CHECK(o.in_own_guard);
  }
}

TEST_CASE("the same sizes by alloca") {
  if (!can_fork()) return;
  for (std::size_t i = 0, by = step(); i < sizes; i += by) {
    CAPTURE(frame_size(i));
    const ending e = in_child([i] { overflow_in_task("wide", 64 * 1024, [i] { recurse_with_alloca(frame_size(i)); }); });
    const overflow o = reported(e);
    CHECK_MESSAGE(o.task == "wide", e.text);
    CHECK(o.size == 64 * 1024);
    CHECK(o.in_own_guard);
  }
}

TEST_CASE("stacks of each size, from one page to 64 MiB") {
  if (!can_fork()) return;
  for (std::size_t size = 4096; size <= 64 << 20; size *= 4) {
    const ending e = in_child([size] { overflow_in_task("sized", size, [] { recurse<2000>(); }); });
    const overflow o = reported(e);
    CHECK_MESSAGE(o.task == "sized", e.text);
    CHECK(o.size == size);
    CHECK(o.in_own_guard);
  }
}

TEST_CASE("one page of stack: a frame that is larger, at once") {
  if (!can_fork()) return;
  for (const recursion f : {&recurse<5000>, &recurse<100'000>, &recurse<10'000'000>}) {
    const overflow o = reported(in_child([f] { overflow_in_task("tiny", 4096, [f] { f(nullptr); }); }));
    CHECK(o.task == "tiny");
    CHECK(o.size == 4096);
    CHECK(o.in_own_guard);
  }
}

TEST_CASE("in a generator: the task is named, and that it was there") {
  if (!can_fork()) return;
  const ending e = in_child([] {
    run_virtually([] {
      const auto t = async({.name = "reader"}, [] {
        generator<int> g({.stack_size = 64 * 1024}, [](auto& yield) {
          recurse<2000>(nullptr);
          yield(1);
        });
        static_cast<void>(g.next());
      });
      t.await();
    });
  });
  CHECK(e.by(SIGABRT));
  CHECK_MESSAGE(e.text.find("nakh: stack overflow in a generator of task 'reader': its 65536 bytes are used up") == 0, e.text);
  CHECK_MESSAGE(e.text.find("generator_options::stack_size") != std::string::npos, e.text);
}

TEST_CASE("one large alloca at the top of a stack that is nearly empty") {
  if (!can_fork()) return;
  const ending e = in_child([] { overflow_in_task("large", 256 * 1024, [] { recurse_with_alloca(8 << 20); }); });
  const overflow o = reported(e);
  CHECK_MESSAGE(o.task == "large", e.text);
  CHECK(o.in_own_guard);
}

TEST_CASE("a call into the C library, whose frames may jump further, with ever less stack left: it works, or is reported") {
  if (!can_fork()) return;
  struct near_the_end {
    static void print(std::uintptr_t end) {  // NOLINT(misc-no-recursion)
      volatile std::byte frame[64]{};        // NOLINT(modernize-avoid-c-arrays)
      if (reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)) > end) {
        print(end);
      } else {
        std::fprintf(stderr, "printed %d\n", 42 + static_cast<int>(frame[0]));  // standard error has no buffer: it takes one here
      }
      frame[0] = std::byte{1};
    }
  };
  int printed = 0;
  for (std::uintptr_t left = 256; left <= 16 * 1024; left += 256) {
    CAPTURE(left);
    const ending e = in_child([left] {
      run_virtually([left] {
        auto neighbour = async(task_options{.stack_size = 32 * 1024}, [] {
          std::array<volatile char, 4096> own{};
          sleep(1s);
          return std::all_of(own.begin(), own.end(), [](char c) { return c == 0; });
        });
        yield();
        async(task_options{.name = "printing", .stack_size = 32 * 1024}, [left] { near_the_end::print(stack_limit() + left); }).await();
        if (!neighbour.await()) std::fputs("but changed another task's stack", stderr);
      });
    });
    const bool works = e.code() == 0 && e.text == "printed 42\n";
    printed += works;
    CHECK_MESSAGE((works || reported(e).task == "printing"), e.text);
  }
  CHECK(printed > 0);
}

TEST_CASE("a result that needs more stack to be destroyed than the task has, when nobody wants it") {
  if (!can_fork()) return;
  struct deep_result {
    deep_result() = default;
    deep_result(deep_result&& other) noexcept : owner(std::exchange(other.owner, false)) {}
    deep_result(const deep_result&) = delete;
    deep_result& operator=(const deep_result&) = delete;
    ~deep_result() {
      if (owner) recurse<100>();
    }
    bool owner = true;
  };
  const ending e = in_child([] {
    run_virtually([] {
      static_cast<void>(async([] { return deep_result(); }));
      sleep(1s);
    });
  });
  CHECK(e.by(SIGABRT));
  CHECK_MESSAGE(e.text.starts_with("nakh: stack overflow in a task that had just ended"), e.text);
}

// --- The right one is named ---

TEST_CASE("a task without a name: by its number; renamed: by the new name; a long name: its beginning") {
  if (!can_fork()) return;
  ending e = in_child([] {
    run_virtually([] {
      auto t = async([] { recurse<100>(); });
      std::fprintf(stderr, "name %s\n", t.get_name().c_str());
      t.await();
    });
  });
  CHECK(reported(e).task == between(e.text, "name ", "\n"));
  CHECK(reported(e).task.starts_with("Task-"));

  e = in_child([] {
    run_virtually([] {
      auto t = async(task_options{.name = "before"}, [] {
        current_task().set_name("after");
        recurse<100>();
      });
      t.await();
    });
  });
  CHECK(reported(e).task == "after");

  const std::string long_name(10'000, 'x');
  e = in_child([&] { overflow_in_task(long_name, 64 * 1024, [] { recurse<100>(); }); });
  CHECK(reported(e).task.size() >= 100);
  CHECK(long_name.starts_with(reported(e).task));
  CHECK(reported(e).size == 64 * 1024);
  CHECK(reported(e).in_own_guard);
}

TEST_CASE("the main task") {
  if (!can_fork()) return;
  const overflow o = reported(in_child([] {
    run_virtually([] {
      tell_limit();
      recurse<100>();
    });
  }));
  CHECK(o.task.starts_with("Task-"));
  CHECK(o.size == 256 * 1024);
  CHECK(o.in_own_guard);
}

TEST_CASE("a task that others wait for, and one that waited itself before") {
  if (!can_fork()) return;
  const ending e = in_child([] {
    run_virtually([] {
      const auto child = [] {
        tell_limit();
        yield();
        recurse<100>();
      };
      const auto parent = [&child] {
        gather([] { sleep(1h); }, [&child] { async(task_options{.name = "child", .stack_size = 64 * 1024}, child).await(); });
      };
      async(task_options{.name = "parent"}, parent).await();
    });
  });
  CHECK(reported(e).task == "child");
  CHECK(reported(e).size == 64 * 1024);
  CHECK(reported(e).in_own_guard);

  const ending after = in_child([] {
    run_virtually([] {
      auto t = async(task_options{.name = "waited"}, [] {
        tell_limit();
        async(task_options{.name = "other", .stack_size = 16 * 1024}, [] { yield(); }).await();
        recurse<100>();
      });
      t.await();
    });
  });
  CHECK(reported(after).task == "waited");
  CHECK(reported(after).size == 256 * 1024);
  CHECK(reported(after).in_own_guard);
}

TEST_CASE("a stack that served another task before, and one that was trimmed") {
  if (!can_fork()) return;
  const overflow o = reported(in_child([] {
    run_virtually([] {
      for (int i = 0; i < 3; ++i) gather([] { yield(); }, [] { yield(); }, [] { yield(); });
      get_running_loop().trim_stacks();
      async(task_options{.name = "later"}, [] {
        tell_limit();
        recurse<100>();
      }).await();
    });
  }));
  CHECK(o.task == "later");
  CHECK(o.in_own_guard);
}

TEST_CASE("inside a catch and inside a destructor during unwinding") {
  if (!can_fork()) return;
  CHECK(reported(in_child([] {
          overflow_in_task("catching", 64 * 1024, [] {
            try {
              throw 1;
            } catch (int) {
              recurse<100>();
            }
          });
        })).task == "catching");
  struct overflows_at_end {
    ~overflows_at_end() { recurse<100>(); }
  };
  CHECK(reported(in_child([] {
          overflow_in_task("unwinding", 64 * 1024, [] {
            const overflows_at_end guard;
            throw 1;
          });
        })).task == "unwinding");
}

TEST_CASE("a task that writes into another one's guard: the one that runs is named") {
  if (!can_fork()) return;
  const overflow o = reported(in_child([] {
    run_virtually([] {
      std::uintptr_t others_guard = 0;
      auto other = async(task_options{.name = "other"}, [&] {
        others_guard = stack_limit() - 8;
        sleep(1h);
      });
      yield();
      std::fprintf(stderr, "limit 0x%zx\n", others_guard + 8);
      async(task_options{.name = "culprit", .stack_size = 16 * 1024}, [&] { write_to(others_guard); }).await();
    });
  }));
  CHECK(o.task == "culprit");
  CHECK(o.size == 16 * 1024);
  CHECK(o.in_own_guard);  // of `other`, whose limit was told
}

TEST_CASE("in the second loop of two threads, while the first one runs") {
  if (!can_fork()) return;
  const overflow o = reported(in_child([] {
    run_virtually([] {
      async(task_options{.name = "first thread's"}, [] {
        std::thread second([] { overflow_in_task("second thread's", 64 * 1024, [] { recurse<100>(); }); });
        second.join();
      }).await();
    });
  }));
  CHECK(o.task == "second thread's");
  CHECK(o.size == 64 * 1024);
  CHECK(o.in_own_guard);
}

TEST_CASE("in the second run of a program, after a first that ended well") {
  if (!can_fork()) return;
  const overflow o = reported(in_child([] {
    run_virtually([] {});
    overflow_in_task("second run's", 64 * 1024, [] { recurse<100>(); });
  }));
  CHECK(o.task == "second run's");
  CHECK(o.in_own_guard);
}

// --- What is no overflow ---

TEST_CASE("faults in a task that are no overflow keep the default action") {
  if (!can_fork()) return;
  CHECK(in_child([] { run_virtually([] { write_to(0); }); }).by_default_of(SIGSEGV));
  CHECK(in_child([] { run_virtually([] { async([] { write_to(64); }).await(); }); }).by_default_of(SIGSEGV));
  CHECK(in_child([] {
          run_virtually([] {
            void* const p = ::mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            write_to(reinterpret_cast<std::uintptr_t>(p));
          });
        }).by_default_of(SIGSEGV));
  CHECK(in_child([] { run_virtually(&write_beyond_the_end_of_a_file); }).by_default_of(SIGBUS));
}

TEST_CASE("faults in a callback, after a run, and in a thread without a loop keep the default action") {
  if (!can_fork()) return;
  CHECK(in_child([] {
          run_virtually([] {
            get_running_loop().call_soon([] { write_to(0); });
            sleep(1s);
          });
        }).by_default_of(SIGSEGV));
  CHECK(in_child([] {
          run_virtually([] {});
          write_to(0);
        }).by_default_of(SIGSEGV));
  CHECK(in_child([] { run_virtually([] { std::thread([] { write_to(0); }).join(); }); }).by_default_of(SIGSEGV));
}

TEST_CASE("an overflow of the thread's own stack, in a callback, is not a task's") {
  if (!can_fork()) return;
  CHECK(in_child([] {
          run_virtually([] {
            get_running_loop().call_soon([] { recurse<100'000>(); });
            sleep(1s);
          });
        }).by_default_of(SIGSEGV));
}

TEST_CASE("SIGSEGV and SIGBUS from outside keep the default action") {
  if (!can_fork()) return;
  for (const int signal : {SIGSEGV, SIGBUS}) {
    const ending e = in_child([signal] {
      run_virtually([signal] {
        ::kill(::getpid(), signal);
        std::fputs("survived", stderr);
      });
    });
    CHECK(e.by_default_of(signal));
    CHECK(e.text.find("survived") == std::string::npos);
  }
}

TEST_CASE("a callback that writes into a task's guard is no overflow of that task, nor of another one") {
  if (!can_fork()) return;
  CHECK(in_child([] {
          run_virtually([] {
            get_running_loop().call_soon([guard = stack_limit() - 8] { write_to(guard); });
            sleep(1s);
          });
        }).by_default_of(SIGSEGV));
}

// --- Handlers that were there before ---

namespace {

void say_and_leave(const char* text) {
  static_cast<void>(!::write(STDERR_FILENO, text, std::strlen(text)));
  static_cast<void>(!::write(STDERR_FILENO, "\n", 1));
  ::_exit(0);
}

void install(int signal, void (*handler)(int, siginfo_t*, void*)) {
  struct sigaction action{};
  action.sa_sigaction = handler;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  ::sigaction(signal, &action, nullptr);
}

sigjmp_buf way_out;  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)

}  // namespace

TEST_CASE("a former handler with details is called, with them, for faults that are no overflow") {
  if (!can_fork()) return;
  for (const int signal : {SIGSEGV, SIGBUS}) {
    const ending e = in_child([signal] {
      install(signal, [](int s, siginfo_t* info, void* machine) {
        const bool right = info->si_signo == s && machine != nullptr && (s == SIGBUS || info->si_addr == reinterpret_cast<void*>(64));
        say_and_leave(right ? "former" : "wrong details");
      });
      run_virtually([signal] {
        if (signal == SIGSEGV) write_to(64);
        write_beyond_the_end_of_a_file();
      });
    });
    CHECK(e.text == "former\n");
  }
}

TEST_CASE("a former handler without details too") {
  if (!can_fork()) return;
  const ending e = in_child([] {
    std::signal(SIGSEGV, [](int signal) { say_and_leave(signal == SIGSEGV ? "former" : "another signal"); });
    run_virtually([] { write_to(0); });
  });
  CHECK(e.text == "former\n");
}

TEST_CASE("a former handler that repairs the fault: the task goes on; each time") {
  if (!can_fork()) return;
  const ending e = in_child([] {
    install(SIGSEGV, [](int, siginfo_t* info, void*) {
      const auto page = reinterpret_cast<std::uintptr_t>(info->si_addr) / 4096 * 4096;
      if (::mprotect(reinterpret_cast<void*>(page), 4096, PROT_READ | PROT_WRITE) != 0) say_and_leave("no page");
    });
    run_virtually([] {
      for (int i = 0; i < 3; ++i) {
        write_to(reinterpret_cast<std::uintptr_t>(::mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)));
        yield();
      }
    });
    say_and_leave("repaired");
  });
  CHECK(e.text == "repaired\n");
}

TEST_CASE("a former handler that jumps back into the task") {
  if (!can_fork()) return;
  const ending e = in_child([] {
    install(SIGSEGV, [](int, siginfo_t*, void*) { siglongjmp(way_out, 1); });
    run_virtually([] {
      static int tries = 0;  // what a jump does not touch
      for (; tries < 3; ++tries) {
        if (sigsetjmp(way_out, 1) == 0) write_to(0);
        yield();
      }
    });
    say_and_leave("back");
  });
  CHECK(e.text == "back\n");
}

TEST_CASE("a former handler is not asked about overflows") {
  if (!can_fork()) return;
  const ending e = in_child([] {
    install(SIGSEGV, [](int, siginfo_t*, void*) { say_and_leave("former"); });
    overflow_in_task("own", 64 * 1024, [] { recurse<100>(); });
  });
  CHECK(reported(e).task == "own");
  CHECK(e.text.find("former") == std::string::npos);
}

TEST_CASE("a SIGSEGV that was ignored: a fault ends the program all the same") {
  if (!can_fork()) return;
  const ending e = in_child([] {
    std::signal(SIGSEGV, SIG_IGN);
    run_virtually([] { write_to(0); });
  });
  CHECK(e.by(SIGSEGV));
  CHECK(e.text.find("stack overflow") == std::string::npos);
}

TEST_CASE("a SIGSEGV from outside: ignored when it was ignored before, else it goes to the former handler") {
  if (!can_fork()) return;
  const auto raises = [] {
    run_virtually([] {
      for (int i = 0; i < 3; ++i) ::kill(::getpid(), SIGSEGV);
    });
    say_and_leave("survived");
  };
  CHECK(in_child([&] {
          std::signal(SIGSEGV, SIG_IGN);
          raises();
        }).text == "survived\n");
  CHECK(in_child([&] {
          install(SIGSEGV, [](int, siginfo_t* info, void*) { say_and_leave(info->si_pid == ::getpid() ? "former" : "another sender"); });
          raises();
        }).text == "former\n");
}

// --- The signal stack ---

TEST_CASE("a thread without a signal stack has one while its loop runs, and none afterwards") {
  if (!can_fork()) return;
  const ending e = in_child([] {
    const auto has_one = [] {
      stack_t s{};
      ::sigaltstack(nullptr, &s);
      return (s.ss_flags & SS_DISABLE) == 0;
    };
    stack_t none{};
    none.ss_flags = SS_DISABLE;
    ::sigaltstack(&none, nullptr);
    bool right = !has_one();
    for (int i = 0; i < 2; ++i) {
      run_virtually([&] { right = right && has_one() && async(has_one).await(); });
      right = right && !has_one();
    }
    say_and_leave(right ? "right" : "wrong");
  });
  CHECK(e.text == "right\n");
}

TEST_CASE("a thread's own signal stack is used and kept") {
  if (!can_fork()) return;
  static std::array<char, 64 * 1024> own;
  const auto use_own = [] {
    stack_t s{};
    s.ss_sp = own.data();
    s.ss_size = own.size();
    ::sigaltstack(&s, nullptr);
  };
  const ending kept = in_child([&] {
    use_own();
    run_virtually([] {});
    stack_t s{};
    ::sigaltstack(nullptr, &s);
    say_and_leave(s.ss_sp == own.data() && (s.ss_flags & SS_DISABLE) == 0 ? "kept" : "lost");
  });
  CHECK(kept.text == "kept\n");
  CHECK(reported(in_child([&] {
          use_own();
          overflow_in_task("own", 64 * 1024, [] { recurse<100>(); });
        })).task == "own");
}
