// SPDX-License-Identifier: BSL-1.0
#include <nakh/subprocess.hpp>

#include "support/fixture.hpp"

#include <nakh/gather.hpp>
#include <nakh/stackless.hpp>
#include <nakh/stackless/subprocess.hpp>
#include <nakh/task.hpp>
#include <nakh/timeout.hpp>

#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <string>
#include <system_error>
#include <vector>

using namespace nakh;
using namespace nakh::test;
using namespace std::chrono_literals;

namespace {

constexpr subprocess_options all_piped{.input = redirect::pipe, .output = redirect::pipe, .error = redirect::pipe};

std::string system_failure(auto&& f) {
  try {
    f();
    return "nothing";
  } catch (const std::system_error& e) {
    return e.code() == std::errc::no_such_file_or_directory ? "ENOENT"
           : e.code() == std::errc::broken_pipe             ? "EPIPE"
           : e.code() == std::errc::connection_reset        ? "ECONNRESET"
           : e.code() == std::errc::no_such_process         ? "ESRCH"
                                                            : e.what();
  }
}

bool has_children() {
  siginfo_t info{};
  return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 || errno != ECHILD;
}

}  // namespace

TEST_CASE_FIXTURE(fixture, "T-sub-01: communicate feeds the input, reads all output, and waits; what is not piped is none") {
  run_in_real_time([&] {
    subprocess both = create_subprocess_shell("cat; echo oops >&2", all_piped);
    const auto all = both.communicate("some text");
    CHECK(all.output == "some text");
    CHECK(all.error == "oops\n");
    CHECK(both.return_code() == 0);

    subprocess quiet = create_subprocess({"true"});
    CHECK(quiet.communicate().output.empty());
    CHECK_FALSE(quiet.has_output());
    CHECK(caught([&] { static_cast<void>(quiet.output()); }) == "usage_error");
    CHECK(caught([&] { quiet.communicate("input"); }) == "usage_error");

    subprocess merged = create_subprocess_shell("echo one; echo two >&2", {.output = redirect::pipe, .error = redirect::to_output});
    CHECK(merged.communicate().output == "one\ntwo\n");
    const std::string much(1'000'000, 'm');
    subprocess cat = create_subprocess({"cat"}, all_piped);
    CHECK(cat.communicate(much).output == much);
  });
  CHECK_FALSE(has_children());
}

TEST_CASE_FIXTURE(fixture, "T-sub-02: the return code: none while it runs, the exit status, minus the signal") {
  run_in_real_time([&] {
    subprocess seven = create_subprocess_shell("read line; exit 7", all_piped);
    CHECK(seven.return_code() == std::nullopt);
    seven.input().write("go\n");
    CHECK(seven.wait() == 7);
    CHECK(seven.return_code() == 7);

    subprocess killed = create_subprocess({"sleep", "100"});
    killed.kill();
    CHECK(killed.wait() == -SIGKILL);
    subprocess terminated = create_subprocess({"sleep", "100"});
    terminated.terminate();
    CHECK(terminated.wait() == -SIGTERM);
  });
}

TEST_CASE_FIXTURE(fixture, "T-sub-03: many tasks wait for one child, before its end and after") {
  run_in_real_time([&] {
    subprocess child = create_subprocess_shell("read line; exit 3", all_piped);
    std::vector<task<int>> all;
    for (int i = 0; i < 10; ++i) all.push_back(async([&] { return child.wait(); }));
    yield();
    child.input().close();
    for (const int code : gather(all)) CHECK(code == 3);
    CHECK(child.wait() == 3);
  });
}

TEST_CASE_FIXTURE(fixture, "T-sub-04: a wait that is cancelled or timed out leaves the child alone") {
  run_in_real_time([&] {
    subprocess child = create_subprocess_shell("read line; exit 4", all_piped);
    CHECK(caught([&] { timeout(1ms, [&] { child.wait(); }); }) == "timeout_error");
    const auto waits = async([&] { return child.wait(); });
    yield();
    waits.cancel();
    CHECK(caught([&] { await(waits); }) == "cancelled_error");
    CHECK(child.return_code() == std::nullopt);
    child.input().write("go\n");
    CHECK(child.wait() == 4);
  });
}

TEST_CASE_FIXTURE(fixture, "T-sub-05: communicate ignores a child that does not read; a missing program is an error at once") {
  run_in_real_time([&] {
    subprocess deaf = create_subprocess({"true"}, all_piped);
    CHECK(deaf.communicate(std::string(1'000'000, 'm')).output.empty());
    CHECK(deaf.return_code() == 0);
    CHECK(system_failure([] { static_cast<void>(create_subprocess({"no-such-program-anywhere"})); }) == "ENOENT");
    CHECK(system_failure([] { static_cast<void>(create_subprocess({"true"}, {.directory = "/no/such/directory"})); }) == "ENOENT");
    CHECK(caught([] { static_cast<void>(create_subprocess({})); }) == "invalid_argument");
    CHECK(caught([] { static_cast<void>(create_subprocess({std::string("a\0b", 3)})); }) == "invalid_argument");
    CHECK(caught([] { static_cast<void>(create_subprocess({"true"}, {.output = redirect::to_output})); }) == "invalid_argument");
  });
  CHECK_FALSE(has_children());
}

TEST_CASE_FIXTURE(fixture, "T-sub-06: the input of a child that has ended: drain says so") {
  run_in_real_time([&] {
    subprocess child = create_subprocess({"true"}, all_piped);
    child.wait();
    const std::string how = system_failure([&] {
      child.input().write(std::string(1'000'000, 'm'));
      child.input().drain();
    });
    CHECK((how == "EPIPE" || how == "ECONNRESET"));
  });
}

TEST_CASE_FIXTURE(fixture, "T-sub-07: more output than the limit: nothing is lost, also after the child's end") {
  run_in_real_time([&] {
    subprocess child =
        create_subprocess_shell("i=0; while [ $i -lt 2000 ]; do echo 0123456789012345678901234567890123456789; i=$((i+1)); done",
                                {.output = redirect::pipe, .stream = {.limit = 100}});
    CHECK(child.output().read_line().size() == 41);
    CHECK(child.output().read_all().size() == std::size_t{41} * 1999);
    CHECK(child.wait() == 0);

    subprocess quick = create_subprocess_shell("echo kept", {.output = redirect::pipe});
    CHECK(quick.wait() == 0);
    CHECK(quick.output().read_all() == "kept\n");
  });
}

TEST_CASE_FIXTURE(fixture, "T-sub-08: a task that is cancelled while it makes a child: no hang, and the child is killed") {
  run_in_real_time([&] {
    const auto makes = async([] {
      current_task().cancel();
      subprocess child = create_subprocess({"sleep", "100"});
      child.wait();
    });
    CHECK(caught([&] { await(makes); }) == "cancelled_error");
    CHECK_FALSE(has_children());
  });
}

TEST_CASE_FIXTURE(fixture, "T-sub-09: closed while it runs, a child is killed; one that has ended is not signalled") {
  run_in_real_time([&] {
    {
      subprocess child = create_subprocess({"sleep", "100"});
      child.close();
      CHECK(child.return_code() == -SIGKILL);
      child.close();
    }
    {
      subprocess child = create_subprocess_shell("exit 9", {.output = redirect::pipe});
      static_cast<void>(child.output().read_all());  // it has ended, or will at once; nobody was told
      for (int i = 0; i < 1000 && !child.return_code(); ++i) sleep(1ms);
      child.close();
      CHECK(child.return_code() == 9);
    }
    static_cast<void>(create_subprocess({"sleep", "100"}));
    CHECK_FALSE(has_children());
  });
}

TEST_CASE_FIXTURE(fixture, "T-sub-10: a signal to a child that has just ended is no error, and its code stays right") {
  run_in_real_time([&] {
    subprocess child = create_subprocess_shell("exit 5", {.output = redirect::pipe});
    siginfo_t info{};
    REQUIRE(::waitid(P_PID, static_cast<id_t>(child.pid()), &info, WEXITED | WNOWAIT) == 0);  // nobody was told yet
    CHECK(system_failure([&] { child.kill(); }) == "nothing");
    CHECK(child.wait() == 5);
    CHECK(system_failure([&] { child.kill(); }) == "ESRCH");
  });
}

TEST_CASE_FIXTURE(fixture, "a child's directory, environment, group, and nothing to read") {
  run_in_real_time([&] {
    subprocess where =
        create_subprocess_shell("pwd; echo $NAME; echo ${HOME-none}",
                                {.output = redirect::pipe, .directory = "/", .environment = {{"NAME=value", "PATH=/bin:/usr/bin"}}});
    CHECK(where.communicate().output == "/\nvalue\nnone\n");
    subprocess reads = create_subprocess({"cat"}, {.input = redirect::null, .output = redirect::pipe});
    CHECK(reads.communicate().output.empty());
    subprocess group = create_subprocess_shell("ps -o pgid= -p $$ 2>/dev/null || echo $$", {.output = redirect::pipe, .new_group = true});
    CHECK(std::stoi(group.communicate().output) == group.pid());
  });
}

TEST_CASE_FIXTURE(fixture, "children of coroutines") {
  struct parts {
    static stackless::task<> main() {
      subprocess child = create_subprocess({"cat"}, {.input = redirect::pipe, .output = redirect::pipe});
      const auto all = co_await stackless::communicate(child, "text");
      CHECK(all.output == "text");
      const int code = co_await stackless::wait(child);
      CHECK(code == 0);
    }
  };
  run_in_real_time([] { await(parts::main()); });
}
