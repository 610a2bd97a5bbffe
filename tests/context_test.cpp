// SPDX-License-Identifier: BSL-1.0
#include "context.hpp"

#include "support/fixture.hpp"

#include <nakh/gather.hpp>

#include <unwind.h>

#include <array>
#include <bit>
#include <cfenv>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

using namespace nakh;
using namespace nakh::test;
using namespace std::chrono_literals;

namespace {

/// The number whose exception is being handled here; 0: none, -1: another one.
int handled() {
  const std::exception_ptr e = std::current_exception();
  if (!e) return 0;
  try {
    std::rethrow_exception(e);
  } catch (int number) {
    return number;
  } catch (...) {
    return -1;
  }
}

/// Waits in its destructor, and says before and after how many exceptions are in flight.
class waits_at_end {
 public:
  explicit waits_at_end(trace& says) : says_(says) {}
  ~waits_at_end() {
    says_("in-flight", std::uncaught_exceptions());
    give_up_passes(2);
    says_("in-flight", std::uncaught_exceptions());
  }
  waits_at_end(const waits_at_end&) = delete;
  waits_at_end& operator=(const waits_at_end&) = delete;

 private:
  trace& says_;
};

/// An exception that knows how many of its kind there are.
struct counted {
  explicit counted(int n) : number(n) { ++alive; }
  counted(const counted& other) : number(other.number) { ++alive; }
  counted& operator=(const counted&) = delete;
  ~counted() { --alive; }

  int number;
  static inline int alive = 0;
};

template <class T>
T hidden(T value) {
  __asm__ volatile("" : "+r"(value));
  return value;
}
bool is_aligned(const volatile void* p, std::uintptr_t to) { return hidden(reinterpret_cast<std::uintptr_t>(p)) % to == 0; }

}  // namespace

// --- Exceptions in flight: each fiber has its own ---

TEST_CASE_FIXTURE(fixture, "throw; in a catch that waited while another fiber threw and caught its own") {
  run([&] {
    auto first = async([&] {
      return caught([&] {
        try {
          throw 1;
        } catch (int) {
          say("first-waits");
          give_up_passes(3);
          say("first-rethrows");
          throw;
        }
      });
    });
    auto second = async([&] {
      yield();
      return caught([&] {
        say("second-throws");
        throw 2;
      });
    });
    CHECK(first.await() == "int 1");
    CHECK(second.await() == "int 2");
  });
  CHECK(say.take() == "first-waits second-throws first-rethrows");
}

TEST_CASE_FIXTURE(fixture, "two fibers wait inside catch, and leave in the order in which they came") {
  run([&] {
    const auto waiting = [&](int number, int passes) {
      return async([&, number, passes] {
        return caught([&] {
          try {
            throw number;
          } catch (...) {
            give_up_passes(passes);
            say("leaves", number);
            throw;
          }
        });
      });
    };
    CHECK(gather(waiting(1, 2), waiting(2, 4)) == std::tuple<std::string, std::string>("int 1", "int 2"));
    CHECK(gather(waiting(3, 4), waiting(4, 2)) == std::tuple<std::string, std::string>("int 3", "int 4"));
  });
  CHECK(say.take() == "leaves1 leaves2 leaves4 leaves3");
}

TEST_CASE_FIXTURE(fixture, "std::current_exception is the fiber's own, before, during and after the others'") {
  run([&] {
    auto catcher = async([&] {
      try {
        throw 7;
      } catch (int) {
        for (int i = 0; i < 4; ++i) {
          CHECK(handled() == 7);
          yield();
        }
      }
      CHECK(handled() == 0);
      yield();
      CHECK(handled() == 0);
    });
    for (int i = 0; i < 5; ++i) {
      CHECK(handled() == 0);
      CHECK(detail::thread_exception_state()->caught == nullptr);
      yield();
    }
    catcher.await();
  });
}

TEST_CASE_FIXTURE(fixture, "nested catch blocks with a switch in each") {
  const auto nest = [](int base) {
    try {
      throw base + 1;
    } catch (int) {
      yield();
      try {
        throw base + 2;
      } catch (int) {
        yield();
        try {
          throw base + 3;
        } catch (int) {
          yield();
          CHECK(handled() == base + 3);
        }
        CHECK(handled() == base + 2);
        yield();
        CHECK(caught([] { throw; }) == "int " + std::to_string(base + 2));
      }
      yield();
      CHECK(handled() == base + 1);
      CHECK(caught([] { throw; }) == "int " + std::to_string(base + 1));
    }
    CHECK(handled() == 0);
  };
  // Side by side, one pass apart, and so that one is out before the other is at the bottom.
  run([&] {
    auto others = {async([&] { nest(10); }), async([&] {
                     yield();
                     nest(20);
                   }),
                   async([&] {
                     give_up_passes(3);
                     nest(30);
                   })};
    nest(40);
    gather(std::vector(others));
  });
}

TEST_CASE_FIXTURE(fixture, "three fibers, their catch blocks interleaved in every order") {
  std::array<int, 3> passes{};
  int orders = 0;
  for (passes[0] = 0; passes[0] < 4; ++passes[0]) {
    for (passes[1] = 0; passes[1] < 4; ++passes[1]) {
      for (passes[2] = 0; passes[2] < 4; ++passes[2]) {
        ++orders;
        run([&] {
          std::vector<task<std::string>> fibers;
          for (int i = 0; i < 3; ++i) {
            fibers.push_back(async([&passes, i] {
              return caught([&] {
                try {
                  throw i;
                } catch (int) {
                  give_up_passes(passes[static_cast<std::size_t>(i)]);
                  try {
                    throw 10 + i;
                  } catch (int) {
                    give_up_passes(passes[static_cast<std::size_t>((i + 1) % 3)]);
                    if (handled() != 10 + i) throw std::runtime_error("another one's exception");
                  }
                  give_up_passes(passes[static_cast<std::size_t>((i + 2) % 3)]);
                  throw;
                }
              });
            }));
          }
          CHECK(gather(fibers) == std::vector<std::string>{"int 0", "int 1", "int 2"});
        });
      }
    }
  }
  CHECK(orders == 64);
}

TEST_CASE_FIXTURE(fixture, "std::uncaught_exceptions is the fiber's own, in a destructor that waits during unwinding") {
  run([&] {
    auto unwinding = async([&] {
      const waits_at_end guard(say);
      throw std::runtime_error("boom");
    });
    yield();
    say("other", std::uncaught_exceptions());
    CHECK(caught([] { throw 1; }) == "int 1");
    yield();
    say("other", std::uncaught_exceptions());
    CHECK(caught([&] { unwinding.await(); }) == "boom");
  });
  CHECK(say.take() == "in-flight1 other0 other0 in-flight1");
}

TEST_CASE_FIXTURE(fixture, "two fibers wait in destructors during unwinding, one of them two deep") {
  run([&] {
    struct throws_inside {
      trace& says;
      ~throws_inside() {
        try {
          const waits_at_end guard(says);
          throw 2;
        } catch (int) {
          says("back", std::uncaught_exceptions());
        }
      }
    };
    auto deep = async([&] {
      const throws_inside guard{say};
      throw 1;
    });
    auto flat = async([&] {
      const waits_at_end guard(say);
      throw 3;
    });
    CHECK(caught([&] { deep.await(); }) == "int 1");
    CHECK(caught([&] { flat.await(); }) == "int 3");
  });
  CHECK(say.take() == "in-flight2 in-flight1 in-flight2 back1 in-flight1");
}

TEST_CASE_FIXTURE(fixture, "a loop's callback sees no exception of the fiber that waits, and its own does not get out") {
  run([&] {
    try {
      throw 1;
    } catch (int) {
      get_running_loop().call_soon([&] {
        say("handled", handled());
        say("in-flight", std::uncaught_exceptions());
        throw 2;
      });
      give_up_passes(2);
      say("handled", handled());
    }
  });
  CHECK(take_report_error() == "int 2");
  CHECK(say.take() == "handled0 in-flight0 handled1");
}

TEST_CASE_FIXTURE(fixture, "run inside a catch, and inside a destructor during unwinding: the fibers start with nothing in flight") {
  const auto inner = [&] {
    run([&] {
      say("handled", handled());
      say("in-flight", std::uncaught_exceptions());
      // With something in flight this would be deferred for ever.
      auto t = async([] { sleep(1h); });
      yield();
      t.cancel();
      say(caught([&] { t.await(); }));
      CHECK(caught([] { throw 2; }) == "int 2");
    });
  };
  const auto runs_inside = [&] {
    try {
      throw 1;
    } catch (int) {
      inner();
      throw;
    }
  };
  CHECK(caught(runs_inside) == "int 1");
  CHECK(say.take() == "handled0 in-flight0 cancelled_error");

  struct runs_at_end {
    std::function<void()> f;
    int in_flight = std::uncaught_exceptions();
    ~runs_at_end() {
      f();
      CHECK(std::uncaught_exceptions() == in_flight + 1);
    }
  };
  CHECK(caught([&] {
          const runs_at_end guard{inner};
          throw 3;
        }) == "int 3");
  CHECK(say.take() == "handled0 in-flight0 cancelled_error");
  CHECK(std::uncaught_exceptions() == 0);
}

TEST_CASE_FIXTURE(fixture, "one exception in flight in several fibers at the same time") {
  counted::alive = 0;
  const auto boom = std::make_exception_ptr(counted(5));
  run([&] {
    std::vector<task<int>> fibers;
    for (int i = 0; i < 5; ++i) {
      fibers.push_back(async([&boom, i] {
        try {
          std::rethrow_exception(boom);
        } catch (const counted& e) {
          give_up_passes(5 - i);
          return e.number + i;
        }
      }));
    }
    CHECK(gather(fibers) == std::vector{5, 6, 7, 8, 9});
  });
  CHECK(counted::alive == 1);
}

TEST_CASE_FIXTURE(fixture, "a thousand fibers wait inside catch, each with its own, and no exception is lost or leaked") {
  counted::alive = 0;
  run([&] {
    std::vector<task<int>> fibers;
    for (int i = 0; i < 1000; ++i) {
      fibers.push_back(async([i]() -> int {
        try {
          throw counted(i);
        } catch (const counted&) {
          give_up_passes(1 + i * 7 % 13);
          try {
            throw;
          } catch (const counted& again) {
            yield();
            return again.number;
          }
        }
      }));
    }
    yield();
    CHECK(counted::alive == 1000);
    const auto numbers = gather(fibers);
    int wrong = 0;
    for (int i = 0; i < 1000; ++i) wrong += numbers[static_cast<std::size_t>(i)] != i;
    CHECK(wrong == 0);
  });
  CHECK(counted::alive == 0);
}

TEST_CASE("loops of several threads, whose fibers wait inside catch") {
  const auto loop = [](int base) {
    return run([base] {
      std::vector<task<bool>> fibers;
      for (int i = 0; i < 10; ++i) {
        fibers.push_back(async([number = base + i] {
          try {
            throw number;
          } catch (int) {
            give_up_passes(10);
            return handled() == number;
          }
        }));
      }
      int right = 0;
      for (const bool r : gather(fibers)) right += r;
      return right;
    });
  };
  int right = 0;
  std::thread other([&] { right = loop(100); });
  CHECK(loop(200) == 10);
  other.join();
  CHECK(right == 10);
}

// --- The end of a fiber, and unwinding in it ---

TEST_CASE_FIXTURE(fixture, "an exception that leaves a fiber's function is the task's, the very object, whatever its type") {
  counted::alive = 0;
  run([&] {
    const counted* thrown = nullptr;
    auto t = async([&] {
      try {
        throw counted(1);
      } catch (const counted& e) {
        thrown = &e;
        throw;
      }
    });
    const counted* got = nullptr;
    try {
      t.await();
    } catch (const counted& e) {
      got = &e;
      CHECK(e.number == 1);
    }
    CHECK(got != nullptr);
    CHECK(got == thrown);
    CHECK(caught([] { async([] { throw 42; }).await(); }) == "int 42");
  });
  CHECK(counted::alive == 0);
}

TEST_CASE_FIXTURE(fixture, "the stack on which a fiber failed serves the next one") {
  run([&] {
    for (int i = 0; i < 100; ++i) {
      auto t = async([i] {
        CHECK(handled() == 0);
        CHECK(std::uncaught_exceptions() == 0);
        throw i;
      });
      CHECK(caught([&] { t.await(); }) == "int " + std::to_string(i));
    }
    CHECK(get_running_loop().stacks().high_water == 2);
  });
}

TEST_CASE_FIXTURE(fixture, "unwinding through the frames of a fiber runs their destructors, innermost first, between switches") {
  struct says_at_end {
    trace& says;
    int number;
    ~says_at_end() { says("end", number); }
  };
  run([&] {
    const std::function<void(int)> descend = [&](int depth) {
      const says_at_end guard{say, depth};
      yield();
      if (depth == 4) throw std::runtime_error("bottom");
      descend(depth + 1);
    };
    auto t = async([&] { descend(1); });
    give_up_passes(3);
    CHECK(say.take().empty());
    CHECK(caught([&] { t.await(); }) == "bottom");
    CHECK(say.take() == "end4 end3 end2 end1");

    auto cancelled = async([&] { descend(1); });
    give_up_passes(3);
    cancelled.cancel();
    CHECK(caught([&] { cancelled.await(); }) == "cancelled_error");
    CHECK(say.take() == "end3 end2 end1");
  });
}

TEST_CASE_FIXTURE(fixture, "walking up a fiber's frames comes to an end") {
  const auto frames = [] {
    int count = 0;
    const auto code = _Unwind_Backtrace(
        [](_Unwind_Context*, void* n) {
          // A walk that leaves the stack would be stopped here, with another code.
          return ++*static_cast<int*>(n) < 200 ? _URC_NO_REASON : _URC_NORMAL_STOP;
        },
        &count);
    CHECK(code == _URC_END_OF_STACK);
    return count;
  };
  run([&] {
    auto t = async(frames);
    const int count = t.await();
    CHECK(count >= 2);
    CHECK(count < 100);
    // And on a stack that served before, after a switch.
    auto again = async([&] {
      yield();
      return frames();
    });
    CHECK(again.await() >= 2);
  });
}

// --- What a switch keeps ---

namespace {

/// Keeps more values alive over each step than a machine has registers.
double churn(unsigned int seed, const std::function<void()>& between) {
  std::uint64_t a = seed, b = a * 3 + 1, c = b * 5 + 2, d = c * 7 + 3, e = d * 11 + 4, f = e * 13 + 5, g = f * 17 + 6, h = g * 19 + 7;
  double p = seed + 1.5, q = p * 1.25, r = q * 1.5, s = r * 1.75, t = s * 0.875, u = t * 1.125, v = u * 0.75, w = v * 1.375;
  for (int i = 0; i < 300; ++i) {
    a = std::rotl(a, 5) ^ b;
    b += c * 31;
    c ^= std::rotl(d, 11);
    d += e;
    e = std::rotl(e, 3) + f;
    f ^= g;
    g += std::rotl(h, 7);
    h ^= a;
    between();
    p = p * 0.5 + q;
    q = q * 0.25 + r;
    r = r * 0.5 + s;
    s = s * 0.25 + t;
    t = t * 0.5 + u;
    u = u * 0.25 + v;
    v = v * 0.5 + w;
    w = w * 0.25 + static_cast<double>(a % 1000);
  }
  return p + q + r + s + t + u + v + w + static_cast<double>((a ^ b ^ c ^ d ^ e ^ f ^ g ^ h) % 1'000'000);
}

}  // namespace

TEST_CASE_FIXTURE(fixture, "more locals than registers, over many switches of three fibers") {
  run([] {
    const auto there_and_back = [](unsigned int seed) { return churn(seed, [] { yield(); }); };
    const auto [a, b, c] = gather(async(there_and_back, 1u), async(there_and_back, 2u), async(there_and_back, 3u));
    CHECK(a == churn(1, [] {}));
    CHECK(b == churn(2, [] {}));
    CHECK(c == churn(3, [] {}));
    CHECK(a != b);
  });
}

TEST_CASE_FIXTURE(fixture, "recursion over most of a default stack and of a large one, with a switch at the bottom") {
  struct recursion {
    static int down(int depth) {  // NOLINT(misc-no-recursion)
      std::array<volatile int, 256> frame{};
      frame[static_cast<std::size_t>(depth) % 256] = depth;
      if (depth == 0) {
        yield();
        return 0;
      }
      const int below = down(depth - 1);
      return below + (frame[static_cast<std::size_t>(depth) % 256] == depth ? 1 : 0);
    }
  };
  run([] {
    auto usual = async([] { return recursion::down(150); });
    auto large = async(task_options{.stack_size = 64 << 20}, [] { return recursion::down(40'000); });
    CHECK(usual.await() == 150);
    CHECK(large.await() == 40'000);
    CHECK(recursion::down(150) == 150);
  });
}

TEST_CASE_FIXTURE(fixture, "the stack pointer is aligned as the calling convention says, on stacks of each colour and size") {
  const auto entry = [] {
    bool right = is_aligned(__builtin_frame_address(0), 16);
    alignas(16) std::array<float, 4> sixteen{1, 2, 3, 4};
    alignas(64) std::array<char, 64> line{};
    right = right && is_aligned(&sixteen, 16) && is_aligned(&line, 64);
#if defined(__x86_64__)
    __asm__ volatile("movaps %0, %%xmm0" : : "m"(sixteen) : "xmm0");  // a fault when it is not
#endif
    yield();
    return right && is_aligned(&sixteen, 16) && is_aligned(&line, 64);
  };
  run([&] {
    for (const std::size_t size : {8u * 1024, 16u * 1024, 256u * 1024}) {
      std::vector<task<bool>> fibers;
      for (int i = 0; i < 70; ++i) fibers.push_back(async(task_options{.stack_size = size}, entry));
      yield();
      CHECK(get_running_loop().stacks().in_use >= 70);  // all at the same time, so each has its own
      int right = 0;
      for (const bool r : gather(fibers)) right += r;
      CHECK(right == 70);
      CHECK(async(task_options{.stack_size = size}, entry).await());  // on a stack that served before
    }
  });
}

TEST_CASE_FIXTURE(fixture, "variable arguments with floating point, on a fresh stack") {
  run([] {
    auto t = async([] {
      std::array<char, 64> text{};
      std::snprintf(text.data(), text.size(), "%.3f %.2Lf %d", hidden(1.0) * 1.5, static_cast<long double>(2.25), 7);
      return std::string(text.data());
    });
    CHECK(t.await() == "1.500 2.25 7");
  });
}

// --- Floating-point control (decision 13) ---

namespace {

/// Inexact on purpose: the rounding mode shows in the last bit. The compiler may not move it across a change of the mode.
double third(double sign = 1.0) { return hidden(hidden(sign) / hidden(3.0)); }
constexpr double third_to_nearest = 0x1.5555555555555p-2;
constexpr double third_upward = 0x1.5555555555556p-2;

/// Sets a rounding mode, and gives the former one back at the end.
class rounding {
 public:
  explicit rounding(int mode) { std::fesetround(mode); }
  ~rounding() { std::fesetround(former_); }
  rounding(const rounding&) = delete;
  rounding& operator=(const rounding&) = delete;

 private:
  int former_ = std::fegetround();
};

/// False in an emulator (Valgrind) that keeps the mode and calculates without it.
bool arithmetic_follows_mode() {
  static const bool follows = [] {
    const rounding own(FE_UPWARD);
    if (third() == third_upward) return true;
    MESSAGE("only the mode itself is looked at: this machine's arithmetic does not follow it; an emulator?");
    return false;
  }();
  return follows;
}

/// Whether the rounding mode is `mode`, as the library says it and as the arithmetic shows it.
bool rounds(int mode) {
  if (std::fegetround() != mode) return false;
  if (!arithmetic_follows_mode()) return true;
  return third() == (mode == FE_UPWARD ? third_upward : third_to_nearest) &&
         third(-1.0) == (mode == FE_DOWNWARD ? -third_upward : -third_to_nearest);
}

}  // namespace

TEST_CASE_FIXTURE(fixture, "the rounding mode is each fiber's own, and the loop's callbacks have the loop's") {
  run([&] {
    const auto rounding_fiber = [](int mode) {
      return async([mode] {
        const rounding own(mode);
        bool right = rounds(mode);
        for (int i = 0; i < 10; ++i) {
          yield();
          right = right && rounds(mode);
        }
        return right;
      });
    };
    auto up = rounding_fiber(FE_UPWARD);
    auto down = rounding_fiber(FE_DOWNWARD);
    for (int i = 0; i < 5; ++i) {
      CHECK(rounds(FE_TONEAREST));
      get_running_loop().call_soon([] { CHECK(rounds(FE_TONEAREST)); });
      yield();
    }
    CHECK(up.await());
    CHECK(down.await());
    CHECK(rounds(FE_TONEAREST));
  });
}

TEST_CASE_FIXTURE(fixture, "a new fiber begins with the loop's rounding mode, not with that of the fiber that made it") {
  run([] {
    const rounding own(FE_UPWARD);
    CHECK(async([] { return rounds(FE_TONEAREST); }).await());
    CHECK(rounds(FE_UPWARD));
  });
}

TEST_CASE_FIXTURE(fixture, "a new fiber begins with the loop's rounding mode, not with that of the fiber that suspends before it") {
  run([] {
    auto other = async([] {
      const rounding own(FE_UPWARD);
      give_up_passes(3);
    });
    yield();
    auto fresh = async([] { return rounds(FE_TONEAREST); });  // behind `other` in the same pass
    CHECK(fresh.await());
    other.await();
  });
}

TEST_CASE_FIXTURE(fixture, "a new fiber begins with the loop's rounding mode, not with that of the fiber that had its stack") {
  run([] {
    const auto leaves_it_changed = [] { std::fesetround(FE_UPWARD); };
    auto first = async(leaves_it_changed);
    auto at_once = async([] { return rounds(FE_TONEAREST); });  // begins where the first one ends, without a switch
    CHECK(at_once.await());
    async(leaves_it_changed).await();
    auto later = async([] { return rounds(FE_TONEAREST); });  // on a stack that lay idle
    CHECK(later.await());
    CHECK(rounds(FE_TONEAREST));
  });
  CHECK(rounds(FE_TONEAREST));
}

TEST_CASE_FIXTURE(fixture, "a loop that runs with another rounding mode: its fibers have it too, and the thread keeps it") {
  const rounding own(FE_DOWNWARD);
  run([] {
    CHECK(rounds(FE_DOWNWARD));
    CHECK(async([] { return rounds(FE_DOWNWARD); }).await());
  });
  CHECK(rounds(FE_DOWNWARD));
}

#if defined(__x86_64__)

namespace {

/// False in an emulator without the sticky flags.
bool flags_are_kept() {
  const unsigned int before = _mm_getcsr();
  _mm_setcsr(before | _MM_EXCEPT_MASK);
  const bool kept = (_mm_getcsr() & _MM_EXCEPT_MASK) == _MM_EXCEPT_MASK;
  _mm_setcsr(before);
  if (!kept) MESSAGE("skipped: this machine does not keep MXCSR's flags; an emulator?");
  return kept;
}
/// False where the sanitizers' own switch is used, which leaves the saved flags alone.
bool flags_are_set_by_switch() {
  if (!detail::can_set_saved_flags) MESSAGE("skipped: in this build a switch does not set the flags");
  return detail::can_set_saved_flags;
}
bool all_flags_set() { return (_mm_getcsr() & _MM_EXCEPT_MASK) == _MM_EXCEPT_MASK; }
void clear_flags() { _mm_setcsr(_mm_getcsr() & ~static_cast<unsigned int>(_MM_EXCEPT_MASK)); }

std::uint16_t x87_control() {
  std::uint16_t word = 0;
  __asm__ volatile("fnstcw %0" : "=m"(word));
  return word;
}
void set_x87_control(std::uint16_t word) { __asm__ volatile("fldcw %0" : : "m"(word)); }

}  // namespace

TEST_CASE_FIXTURE(fixture, "MXCSR: all six sticky flags are set when a fiber begins") {
  if (!flags_are_kept()) return;
  clear_flags();
  run([] {
    CHECK(all_flags_set());
    CHECK(async([] { return all_flags_set(); }).await());
    clear_flags();
    CHECK(third() > 0);
    CHECK((_mm_getcsr() & _MM_EXCEPT_MASK) == _MM_EXCEPT_INEXACT);  // without a suspension in between they tell the truth
  });
}

TEST_CASE_FIXTURE(fixture, "MXCSR: all six sticky flags are set after every suspension, whatever was cleared") {
  if (!flags_are_kept() || !flags_are_set_by_switch()) return;
  run([] {
    CHECK(detail::sticky_flags == _MM_EXCEPT_MASK);
    auto other = async([] {
      clear_flags();
      yield();
      return all_flags_set();
    });
    clear_flags();
    yield();
    CHECK(all_flags_set());
    CHECK(other.await());
    clear_flags();
    sleep(1s);
    CHECK(all_flags_set());
  });
}

TEST_CASE_FIXTURE(fixture, "MXCSR: the thread gets its own flags and control bits back, also when the run fails") {
  if (!flags_are_kept()) return;
  const unsigned int former = _mm_getcsr();
  const unsigned int own = (former & ~static_cast<unsigned int>(_MM_EXCEPT_MASK)) | _MM_EXCEPT_OVERFLOW | _MM_FLUSH_ZERO_ON;
  _mm_setcsr(own);
  run([] {
    CHECK((_mm_getcsr() & _MM_FLUSH_ZERO_MASK) == _MM_FLUSH_ZERO_ON);
    _mm_setcsr(_mm_getcsr() & ~static_cast<unsigned int>(_MM_FLUSH_ZERO_MASK));
  });
  CHECK(_mm_getcsr() == own);
  CHECK(caught([&] { run([] { throw 1; }); }) == "int 1");
  _mm_setcsr(own);
  CHECK(caught([&] { run([] { throw system_exit(3); }); }) == "system_exit(3)");
  _mm_setcsr(own);
  {
    const detail::sticky_flags_set set;
    CHECK(_mm_getcsr() == (own | _MM_EXCEPT_MASK));
  }
  CHECK(_mm_getcsr() == own);
  _mm_setcsr(former);
}

TEST_CASE_FIXTURE(fixture, "MXCSR: masks and flush-to-zero are each fiber's own") {
  if (!flags_are_kept()) return;
  run([] {
    const unsigned int usual = _mm_getcsr();
    const unsigned int changed = (usual & ~static_cast<unsigned int>(_MM_MASK_DIV_ZERO)) | _MM_FLUSH_ZERO_ON;
    auto other = async([changed] {
      const unsigned int former = _mm_getcsr();
      _mm_setcsr(changed);
      give_up_passes(3);
      const bool kept = _mm_getcsr() == changed;
      _mm_setcsr(former);
      return kept;
    });
    yield();
    CHECK(_mm_getcsr() == usual);
    CHECK(hidden(hidden(1.0) / hidden(0.0)) > 1e300);  // a trap where the other one's mask holds
    CHECK(other.await());
    CHECK(_mm_getcsr() == usual);
  });
}

TEST_CASE_FIXTURE(fixture, "the x87 control word is each fiber's own") {
  constexpr std::uint16_t truncate = 0x0c00;  // rounding control, the part that emulators keep
  run([] {
    const std::uint16_t usual = x87_control();
    const auto changed = static_cast<std::uint16_t>(usual | truncate);
    REQUIRE(changed != usual);
    auto other = async([usual, changed] {
      set_x87_control(changed);
      give_up_passes(3);
      const bool kept = x87_control() == changed;
      set_x87_control(usual);
      return kept;
    });
    yield();
    CHECK(x87_control() == usual);
    CHECK(other.await());
    CHECK(x87_control() == usual);
  });
}

TEST_CASE_FIXTURE(fixture, "x87: a new fiber begins with the loop's control word") {
  constexpr std::uint16_t truncate = 0x0c00;
  const std::uint16_t usual = x87_control();
  run([usual] {
    set_x87_control(static_cast<std::uint16_t>(usual | truncate));
    auto fresh = async([] { return x87_control(); });
    CHECK(fresh.await() == usual);
    set_x87_control(usual);
    async([usual] { set_x87_control(static_cast<std::uint16_t>(usual | truncate)); }).await();
    CHECK(async([] { return x87_control(); }).await() == usual);
  });
}

#endif
