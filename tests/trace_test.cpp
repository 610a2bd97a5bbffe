// SPDX-License-Identifier: BSL-1.0
#include "trace.hpp"

#include "support/captured_stderr.hpp"
#include "support/fixture.hpp"

#include <nakh/gather.hpp>
#include <nakh/mutex.hpp>
#include <nakh/shield.hpp>
#include <nakh/stackless.hpp>
#include <nakh/testing.hpp>

#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <regex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

using namespace nakh;
using namespace nakh::test;
using namespace std::chrono_literals;

namespace {

/// While it lives, the environment names a file of its own for traces.
class traced_fixture : public fixture {
 public:
  traced_fixture() {
    ::setenv("NAKH_TRACE", file_.c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
  }
  ~traced_fixture() {
    ::unsetenv("NAKH_TRACE");  // NOLINT(concurrency-mt-unsafe)
    std::error_code none;
    std::filesystem::remove(file_, none);
  }
  traced_fixture(const traced_fixture&) = delete;
  traced_fixture& operator=(const traced_fixture&) = delete;

  /// The events, as "event task" and what stands behind the name; without the main task's first and last.
  [[nodiscard]] std::vector<std::string> events() const {
    static const std::regex form(R"re(\{"time":(\d+),"loop":\d+,"pass":\d+,"event":"([a-z]+)","task":(\d+),"name":"([^"]*)"(.*)\})re");
    std::ifstream in(file_);
    std::vector<std::string> found;
    for (std::string row; std::getline(in, row);) {
      std::smatch parts;
      const bool is_event = std::regex_match(row, parts, form);
      CHECK_MESSAGE(is_event, row);
      if (!is_event) continue;
      std::string rest = std::regex_replace(parts[5].str(), std::regex(R"re(,"at":"[^"]*")re"), "");
      found.push_back(std::to_string(std::stoll(parts[1]) / 1'000'000) + " " + parts[2].str() + " " + parts[3].str() + rest);
    }
    return found;
  }
  [[nodiscard]] std::string text() const {
    std::ifstream in(file_);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  [[nodiscard]] const std::string& file() const noexcept { return file_; }

 private:
  static std::string new_name() {
    static int last = 0;
    return (std::filesystem::temp_directory_path() / ("nakh-trace-" + std::to_string(::getpid()) + "-" + std::to_string(++last))).string();
  }
  std::string file_ = new_name();
};

std::size_t count(const std::string& text, std::string_view part) {
  std::size_t found = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) ++found;
  return found;
}

using lines = std::vector<std::string>;

}  // namespace

TEST_CASE_FIXTURE(traced_fixture, "who ran when, and who waited for whom") {
  run([] {
    auto one = async(task_options{.name = "one"}, [] { sleep(2s); });
    auto two = async(task_options{.name = "two"}, [] { sleep(1s); });
    gather(one, two);
  });
  CHECK(events() == lines{R"(0 created 1,"by":"outside")", "0 run 1", R"(0 created 2,"by":1)", R"(0 created 3,"by":1)",
                          R"(0 wait 1,"for":"gather","object":1,"tasks":[2,3])", "0 run 2", R"(0 wait 2,"for":"sleep","until":2000000000)",
                          "0 run 3", R"(0 wait 3,"for":"sleep","until":1000000000)", R"(1000 wake 3,"by":"loop")", "1000 run 3",
                          "1000 done 3", R"(2000 wake 2,"by":"loop")", "2000 run 2", "2000 done 2", R"(2000 wake 1,"by":"loop")",
                          "2000 run 1", "2000 done 1"});
  CHECK(count(text(), R"("name":"two")") == 6);
  CHECK(count(text(), R"("at":"trace_test.cpp:)") == 2);
}

TEST_CASE_FIXTURE(traced_fixture, "the end of a task wakes whoever awaits it; an error is told") {
  run([] {
    auto t = async([]() -> int { throw std::runtime_error("no \"room\"\n"); });
    CHECK(caught([&] { t.await(); }) == "no \"room\"\n");
    yield();
  });
  CHECK(events() == lines{R"(0 created 1,"by":"outside")", "0 run 1", R"(0 created 2,"by":1)",
                          R"(0 wait 1,"for":"task","object":1,"tasks":[2])", "0 run 2",
                          R"(0 failed 2,"error":"std::runtime_error: no \"room\"\u000a")", R"(0 wake 1,"by":2)", "0 run 1", "0 yield 1",
                          "0 run 1", "0 done 1"});
}

TEST_CASE_FIXTURE(traced_fixture, "a cancellation, and a task that never began") {
  run([] {
    auto sleeper = async([] { sleep(9s); });
    yield();
    sleeper.cancel();
    auto idle = async([] {});
    idle.cancel();
    CHECK(caught([&] { sleeper.await(); }) == "cancelled_error");
  });
  const auto seen = events();
  CHECK(std::count(seen.begin(), seen.end(), R"(0 wake 2,"by":1,"cancelled":true)") == 1);
  CHECK(std::count(seen.begin(), seen.end(), "0 cancelled 2") == 1);
  CHECK(std::count(seen.begin(), seen.end(), "0 cancelled 3") == 1);
}

TEST_CASE_FIXTURE(traced_fixture, "a lock: in line, and let in by whoever leaves") {
  run([this] {
    mutex m;
    const auto use = [&] {
      const std::scoped_lock lock(m);
      sleep(1s);
    };
    gather(use, use);
    CHECK(now() == 2000);
  });
  const auto seen = events();
  CHECK(std::count(seen.begin(), seen.end(), R"(0 wait 3,"for":"lock","object":2)") +
            std::count(seen.begin(), seen.end(), R"(0 wait 3,"for":"mutex","object":2)") ==
        1);
  CHECK(std::count(seen.begin(), seen.end(), R"(1000 wake 3,"by":2)") == 1);
}

TEST_CASE_FIXTURE(traced_fixture, "tasks that begin inside of another's step") {
  run([] {
    const task_options now{.name = "now", .eager_start = true};
    auto ends = async(now, [] {});
    auto waits = async(now, [] { sleep(1s); });
    waits.await();
  });
  CHECK(events() == lines{R"(0 created 1,"by":"outside")", "0 run 1", R"(0 created 2,"by":1)", R"(0 created 3,"by":1)", "0 run 2",
                          "0 done 2", "0 run 3", R"(0 wait 3,"for":"sleep","until":1000000000)",
                          R"(0 wait 1,"for":"task","object":1,"tasks":[3])", R"(1000 wake 3,"by":"loop")", "1000 run 3", "1000 done 3",
                          R"(1000 wake 1,"by":3)", "1000 run 1", "1000 done 1"});
}

TEST_CASE_FIXTURE(traced_fixture, "coroutines are traced as fibers are") {
  const auto nap = []() -> stackless::task<void> { co_await stackless::sleep(1s); };
  run([&] {
    auto now = stackless::spawn(task_options{.name = "now", .eager_start = true}, nap());
    auto later = stackless::spawn(nap());
    gather(now, later);
  });
  const auto seen = events();
  for (const char* const wanted : {"0 run 2", R"(0 wait 2,"for":"sleep","until":1000000000)", "0 run 3",
                                   R"(0 wait 3,"for":"sleep","until":1000000000)", "1000 done 2", "1000 done 3", "1000 done 1"}) {
    CHECK_MESSAGE(std::count(seen.begin(), seen.end(), wanted) == 1, wanted);
  }
}

TEST_CASE_FIXTURE(traced_fixture, "a callback makes and wakes tasks") {
  run([] {
    event_loop& loop = get_running_loop();
    future<void> door;
    std::optional<task<void>> made;
    loop.call_later(1s, [&] {
      made.emplace(async([] {}));
      door.set_result();
    });
    door.await();
    made->await();
  });
  const auto seen = events();
  CHECK(std::count(seen.begin(), seen.end(), R"(1000 created 2,"by":"callback")") == 1);
  CHECK(std::count(seen.begin(), seen.end(), R"(1000 wake 1,"by":"callback")") == 1);
}

TEST_CASE_FIXTURE(traced_fixture, "debug mode and a scenario's explorer work as without a trace") {
  run_options options{.clock = &clock, .loop = {.debug = true}, .loop_factory = {}};
  int slow = 0;
  nakh::run(options, [&] {
    event_loop& loop = get_running_loop();
    loop.set_slow_callback_duration(10ms);
    loop.set_slow_callback_handler([&](event_loop&, const slow_callback&) { ++slow; });
    yield();
    std::this_thread::sleep_for(30ms);
    yield();
  });
  CHECK(slow == 1);
  CHECK(count(text(), R"("event":"yield")") == 2);
  int orders = 0;
  testing::explore({.seeds = 10}, [&] {
    ++orders;
    gather([] { yield(); }, [] { yield(); });
  });
  CHECK(orders == 10);
}

TEST_CASE_FIXTURE(traced_fixture, "loops one after the other write into one file") {
  for (int i = 0; i < 2; ++i) run([] { yield(); });
  CHECK(count(text(), R"("event":"created")") == 2);
}

TEST_CASE_FIXTURE(traced_fixture, "loops of two threads") {
  std::thread other([] {
    nakh::run([] {
      for (int i = 0; i < 100; ++i) yield();
    });
  });
  nakh::run([] {
    for (int i = 0; i < 100; ++i) yield();
  });
  other.join();
  CHECK(events().size() == 2 * (3 + 2 * 100));
}

TEST_CASE_FIXTURE(traced_fixture, "a file that cannot be written: the program runs all the same") {
  ::setenv("NAKH_TRACE", "/no/such/folder/trace", 1);  // NOLINT(concurrency-mt-unsafe)
  captured_stderr said;
  CHECK(run([] { return 7; }) == 7);
  CHECK(said.text() == "nakh: NAKH_TRACE names '/no/such/folder/trace', which cannot be written: No such file or directory\n");
}

TEST_CASE_FIXTURE(traced_fixture, "without the variable nothing is written") {
  ::unsetenv("NAKH_TRACE");  // NOLINT(concurrency-mt-unsafe)
  run([] { yield(); });
  CHECK_FALSE(std::filesystem::exists(file()));
  ::setenv("NAKH_TRACE", "", 1);  // NOLINT(concurrency-mt-unsafe)
  CHECK_FALSE(detail::environment_wants_trace());
}
