// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/loop.hpp>
#include <nakh/run.hpp>
#include <nakh/sleep.hpp>

#include <dirent.h>
#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace nakh::test {

/// Words in the order in which they were said, with spaces between.
class trace {
 public:
  void operator()(std::string_view word) {
    if (!text_.empty()) text_ += ' ';
    text_ += word;
  }
  void operator()(std::string_view word, long long number) { (*this)(std::string(word) + std::to_string(number)); }
  /// What was said since the last time.
  [[nodiscard]] std::string take() { return std::exchange(text_, {}); }

 private:
  std::string text_;
};

/// The short name of the error that leaves `f`; for a type without a name here its message; "nothing" when none does.
template <class F>
  requires std::is_invocable_v<F&&>
std::string caught(F&& f) {
  try {
    static_cast<void>(std::forward<F>(f)());
    return "nothing";
  } catch (const cancelled_error& e) {
    return e.reason().empty() ? "cancelled_error" : "cancelled_error(" + e.reason() + ")";
  } catch (const keyboard_interrupt&) {
    return "keyboard_interrupt";
  } catch (const system_exit& e) {
    return "system_exit(" + std::to_string(e.code()) + ")";
  } catch (const timeout_error&) {
    return "timeout_error";
  } catch (const stack_exhausted&) {
    return "stack_exhausted";
  } catch (const usage_error&) {
    return "usage_error";
  } catch (const invalid_state_error&) {
    return "invalid_state_error";
  } catch (const std::invalid_argument&) {
    return "invalid_argument";
  } catch (const std::bad_alloc&) {
    return "bad_alloc";
  } catch (const std::exception& e) {
    return e.what();
  } catch (int number) {
    return "int " + std::to_string(number);
  } catch (...) {
    return "something else";
  }
}
inline std::string caught(const std::exception_ptr& error) {
  return caught([&error] {
    if (error) std::rethrow_exception(error);
  });
}

/// One call of the exception handler.
struct report {
  std::string message;
  std::string error;  ///< As `caught` says it.
  std::string source;
  unsigned int line = 0;
};

inline std::size_t open_descriptors() {
  DIR* const directory = ::opendir("/proc/self/fd");
  REQUIRE(directory != nullptr);
  std::size_t count = 0;
  while (::readdir(directory) != nullptr) ++count;
  ::closedir(directory);
  return count;
}

/// Virtual time, a trace, the reports that reached the exception handler; and at the end of each case the proof that no
/// fiber, stack, timer or descriptor is left and that no report was overlooked.
class fixture {
 public:
  fixture() = default;
  fixture(const fixture&) = delete;
  fixture& operator=(const fixture&) = delete;
  ~fixture() {
    for (const report& r : reports) FAIL_CHECK("unexpected report: " << r.message << ": " << r.error);
    CHECK(open_descriptors() == descriptors_);
  }

  /// `nakh::run` in virtual time, and a look at what it left.
  template <class F>
  auto run(F&& f) {
    return run_on(&clock, std::forward<F>(f));
  }
  /// The same in real time.
  template <class F>
  auto run_in_real_time(F&& f) {
    return run_on(nullptr, std::forward<F>(f));
  }

  /// From here on this loop's reports go to `reports`.
  void watch(event_loop& watched) {
    watched.set_exception_handler(
        [this](event_loop&, const exception_context& c) { reports.push_back({c.message, caught(c.exception), c.source, c.where.line()}); });
  }
  static void check_nothing_left(const event_loop& closed) {
    CHECK(closed.is_closed());
    CHECK(closed.stacks().in_use == 0);
    CHECK(closed.pending_timers() == 0);
  }

  /// Milliseconds of virtual time since the beginning.
  [[nodiscard]] long long now() const noexcept {
    return std::chrono::duration_cast<std::chrono::milliseconds>(clock.now().time_since_epoch()).count();
  }
  /// Takes the only report.
  report take_report() {
    REQUIRE(reports.size() == 1);
    report r = std::move(reports.front());
    reports.clear();
    return r;
  }
  std::string take_report_error() { return take_report().error; }

  virtual_clock clock;
  trace say;
  std::vector<report> reports;

 private:
  template <class F>
  auto run_on(virtual_clock* time, F&& f) {
    runner r(run_options{.clock = time, .loop = {}, .loop_factory = {}});
    event_loop& own = r.get_loop();  // stays until `r` goes
    watch(own);
    struct at_end {
      runner& runs;
      event_loop& used;
      ~at_end() {
        CHECK_NOTHROW(runs.close());
        check_nothing_left(used);
      }
    } const end{r, own};
    return r.run(std::forward<F>(f));
  }

  std::size_t descriptors_ = open_descriptors();
};

/// The same around a loop that the case drives itself.
class loop_fixture : public fixture {
 public:
  loop_fixture() { watch(loop); }
  ~loop_fixture() {
    loop.close();
    check_nothing_left(loop);
  }

  event_loop loop{loop_options{.clock = &clock}};
};

/// Gives up that many passes.
inline void give_up_passes(int count) {
  for (int i = 0; i < count; ++i) yield();
}
/// How many passes go by until `condition` holds.
template <class Condition>
int passes_until(Condition&& condition) {
  int passes = 0;
  while (!condition()) {
    yield();
    ++passes;
  }
  return passes;
}

}  // namespace nakh::test
