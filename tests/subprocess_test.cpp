// SPDX-License-Identifier: BSL-1.0
#include <nakh/subprocess.hpp>

#include "support/fixture.hpp"
#include "support/system_failure.hpp"

#include <nakh/gather.hpp>
#include <nakh/stackless.hpp>
#include <nakh/stackless/subprocess.hpp>
#include <nakh/task.hpp>
#include <nakh/testing.hpp>
#include <nakh/timeout.hpp>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <map>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

using namespace nakh;
using namespace nakh::test;
using namespace std::chrono_literals;

namespace {

/// Children live in real time. None of these cases waits for as long as this.
class children : public fixture {
 public:
  template <class F>
  void run_bounded(F&& f) {
    run_in_real_time([&] { timeout(30s, std::forward<F>(f)); });
  }
};

const subprocess_options all_piped{.standard_input = stdio::pipe, .standard_output = stdio::pipe, .standard_error = stdio::pipe};
const subprocess_options input_piped{.standard_input = stdio::pipe};
const subprocess_options output_piped{.standard_output = stdio::pipe};

using variables = std::map<std::string, std::string>;

subprocess shell(const std::string& command, const subprocess_options& options = {}) { return create_subprocess_shell(command, options); }

/// Neither runs, nor has left a record.
bool is_gone(int pid) { return ::kill(pid, 0) != 0 && errno == ESRCH; }

/// Waits, in this thread, until it has ended: the loop does not know.
void let_end(const subprocess& p) {
  siginfo_t ignored{};
  REQUIRE(::waitid(P_PID, static_cast<id_t>(p.pid()), &ignored, WEXITED | WNOWAIT) == 0);
}

}  // namespace

TEST_CASE_FIXTURE(children, "T-sub-01: communicate feeds, reads all, and waits") {
  run_bounded([] {
    subprocess p = shell("cat; echo done >&2", all_piped);
    const auto [output, error] = p.communicate("some data");
    CHECK(output == "some data");
    CHECK(error == "done\n");
    CHECK(p.return_code() == 0);
  });
  run_bounded([] {
    const std::string much(1'000'000, 'm');
    subprocess p = shell("cat; printf %100000d 5 >&2", all_piped);
    const auto [output, error] = p.communicate(much);
    CHECK(output == much);
    CHECK(error.size() == 100'000);
  });
  run_bounded([] {
    subprocess none = shell("exit 3");
    CHECK_FALSE((none.has_standard_input() || none.has_standard_output() || none.has_standard_error()));
    CHECK(system_failure([&] { static_cast<void>(none.standard_input()); }) == "usage_error");
    CHECK(system_failure([&] { static_cast<void>(none.standard_output()); }) == "usage_error");
    CHECK(system_failure([&] { static_cast<void>(none.standard_error()); }) == "usage_error");
    CHECK(system_failure([&] { none.communicate("lost"); }) == "usage_error");
    const auto [output, error] = none.communicate();
    CHECK((output.empty() && error.empty()));
    CHECK(none.return_code() == 3);

    subprocess one = shell("cat", input_piped);
    CHECK((one.has_standard_input() && !one.has_standard_output()));
    one.communicate();
    CHECK(one.return_code() == 0);

    subprocess other = shell("echo out; echo err >&2", {.standard_output = stdio::null, .standard_error = stdio::pipe});
    CHECK(other.communicate().error == "err\n");
  });
}

TEST_CASE_FIXTURE(children, "T-sub-02: the return code: none, a status, minus a signal") {
  run_bounded([] {
    subprocess p = shell("read x; exit 7", input_piped);
    CHECK_FALSE(p.return_code());
    p.standard_input().write("\n");
    CHECK(p.wait() == 7);
    CHECK(p.return_code() == 7);
    CHECK(is_gone(p.pid()));

    subprocess killed = create_subprocess({"sleep", "100"});
    killed.kill();
    CHECK_FALSE(killed.return_code());
    CHECK(killed.wait() == -SIGKILL);
    subprocess terminated = create_subprocess({"sleep", "100"});
    terminated.terminate();
    CHECK(terminated.wait() == -SIGTERM);
    subprocess signalled = create_subprocess({"sleep", "100"});
    signalled.send_signal(SIGUSR1);
    CHECK(signalled.wait() == -SIGUSR1);
    CHECK(shell("kill -s HUP $$").wait() == -SIGHUP);
  });
}

TEST_CASE_FIXTURE(children, "T-sub-03: many wait, before and after the end") {
  run_bounded([] {
    subprocess p = shell("read x; exit 5", input_piped);
    std::vector<task<int>> waiting;
    for (int i = 0; i < 5; ++i) waiting.push_back(async([&] { return p.wait(); }));
    yield();
    p.standard_input().close();
    CHECK(gather(waiting) == std::vector<int>(5, 5));
    CHECK(p.wait() == 5);
    CHECK(p.wait() == 5);
  });
}

TEST_CASE_FIXTURE(children, "T-sub-04: a wait that is given up leaves the child alone") {
  run_bounded([] {
    subprocess p = create_subprocess({"cat"}, all_piped);
    auto waiting = async([&] { p.wait(); });
    auto communicating = async([&] { p.communicate(); });
    yield();
    waiting.cancel();
    CHECK(caught([&] { await(waiting); }) == "cancelled_error");
    CHECK(caught([&] { timeout(0s, [&] { p.wait(); }); }) == "timeout_error");
    CHECK_FALSE(p.return_code());
    communicating.cancel();
    CHECK(caught([&] { await(communicating); }) == "cancelled_error");
    CHECK(p.wait() == 0);  // it has got the end of its input

    subprocess other = create_subprocess({"cat"}, all_piped);
    CHECK(caught([&] { timeout(0s, [&] { other.wait(); }); }) == "timeout_error");
    CHECK(other.communicate("still here").output == "still here");
    CHECK(other.return_code() == 0);
  });
}

TEST_CASE_FIXTURE(children, "T-sub-05: communicate ignores a broken pipe; no such program") {
  run_bounded([] {
    subprocess p = shell("exit 4", all_piped);
    CHECK(p.communicate(std::string(1'000'000, 'x')).output.empty());
    CHECK(p.return_code() == 4);
    CHECK(system_failure([] { static_cast<void>(create_subprocess({"no-such-program-of-nakh"}, all_piped)); }) == "no such file");
    CHECK(system_failure([] { static_cast<void>(create_subprocess({"/no/such/program"})); }) == "no such file");
    CHECK(system_failure([] { static_cast<void>(create_subprocess({"/dev/null"})); }) == "denied");
  });
}

TEST_CASE_FIXTURE(children, "T-sub-06: the child ends without reading: drain fails") {
  run_bounded([] {
    subprocess p = create_subprocess({"true"}, input_piped);
    net::stream& in = p.standard_input();
    in.write(std::string(1'000'000, 'x'));
    CHECK(system_failure([&] { in.drain(); }) == "broken pipe");
    CHECK(in.is_closing());
    in.write("ignored");
    CHECK(system_failure([&] { in.drain(); }) == "broken pipe");
    CHECK(p.wait() == 0);

    subprocess ended = create_subprocess({"true"}, input_piped);
    ended.wait();
    ended.standard_input().write("x");
    CHECK(system_failure([&] { ended.standard_input().drain(); }) == "broken pipe");
  });
}

TEST_CASE_FIXTURE(children, "T-sub-07: much output waits, and outlives the child") {
  run_bounded([] {
    subprocess_options small = output_piped;
    small.stream.limit = 64;
    subprocess p = create_subprocess({"head", "-c", "300000", "/dev/zero"}, small);
    CHECK(p.standard_output().read(1).size() == 1);
    CHECK_FALSE(p.return_code());  // more than a pipe holds is left
    CHECK(p.standard_output().read_exactly(99'999).size() == 99'999);
    CHECK_FALSE(p.return_code());
    CHECK(p.standard_output().read_all().size() == 200'000);
    CHECK(p.wait() == 0);

    subprocess ended = shell("echo one; echo two", output_piped);
    CHECK(ended.wait() == 0);
    CHECK(ended.standard_output().read_line() == "one\n");
    CHECK(ended.standard_output().read_all() == "two\n");
    CHECK(ended.standard_output().at_eof());
  });
}

TEST_CASE_FIXTURE(children, "T-sub-08: creation is cancelled: no hang, no child") {
  int pid = 0;
  run_bounded([&] {
    auto creating = async([&] {
      current_task().cancel();
      subprocess p = create_subprocess({"sleep", "100"}, all_piped);
      pid = p.pid();
      p.wait();
    });
    CHECK(caught([&] { await(creating); }) == "cancelled_error");
    auto never = async([] { shell("exit 1").wait(); });
    never.cancel();
    CHECK(caught([&] { await(never); }) == "cancelled_error");
  });
  CHECK(is_gone(pid));
}

TEST_CASE_FIXTURE(children, "T-sub-09: close kills who runs, and not who has ended") {
  int dropped = 0;
  run_bounded([&] {
    subprocess p = create_subprocess({"cat"}, all_piped);
    p.close();
    CHECK(p.standard_input().is_closing());
    CHECK(p.standard_output().is_closing());
    CHECK(p.wait() == -SIGKILL);
    CHECK(is_gone(p.pid()));
    p.close();

    subprocess ended = shell("exit 6");
    let_end(ended);
    ended.close();
    CHECK(ended.return_code() == 6);
    CHECK(ended.wait() == 6);

    subprocess replaced = create_subprocess({"sleep", "100"});
    const int first = replaced.pid();
    replaced = shell("exit 0");
    CHECK(replaced.wait() == 0);
    while (!is_gone(first)) yield();

    subprocess last = create_subprocess({"sleep", "100"});
    dropped = last.pid();
  });
  CHECK(is_gone(dropped));  // the loop's end has seen to it
}

TEST_CASE_FIXTURE(children, "T-sub-10: a signal to who has just ended is no error") {
  run_bounded([] {
    subprocess p = shell("exit 9");
    let_end(p);
    p.send_signal(SIGUSR1);
    p.terminate();
    p.kill();
    CHECK(p.wait() == 9);
    CHECK(system_failure([&] { p.send_signal(SIGUSR1); }) == "no such process");
    CHECK(p.return_code() == 9);
    subprocess other = create_subprocess({"cat"}, input_piped);
    CHECK(system_failure([&] { other.send_signal(1000); }) == "invalid");
  });
}

// --- What a child gets ---

TEST_CASE_FIXTURE(children, "the directory, the environment, the program's place") {
  run_bounded([] {
    subprocess_options options = output_piped;
    options.directory = "/";
    CHECK(create_subprocess({"pwd"}, options).communicate().output == "/\n");
    CHECK(create_subprocess({"./bin/sh", "-c", "echo $0"}, options).communicate().output == "./bin/sh\n");
    options.directory = "/no/such/directory";
    CHECK(system_failure([&] { static_cast<void>(create_subprocess({"pwd"}, options)); }) == "no such file");

    subprocess_options given = output_piped;
    given.environment = variables{{"PATH", "/no/such:/usr/bin:/bin"}, {"ONE", "1"}, {"EMPTY", ""}};
    CHECK(create_subprocess({"env"}, given).communicate().output == "EMPTY=\nONE=1\nPATH=/no/such:/usr/bin:/bin\n");
    given.environment = variables{{"PATH", "/no/such:/dev/null"}};
    CHECK(system_failure([&] { static_cast<void>(create_subprocess({"env"}, given)); }) == "no such file");
    given.environment.emplace();
    CHECK(create_subprocess({"env"}, given).communicate().output.empty());
    given.environment = variables{{"PATH", ":/proc/self"}};
    given.directory = "/bin";
    CHECK(create_subprocess({"env"}, given).communicate().output == "PATH=:/proc/self\n");
  });
}

TEST_CASE_FIXTURE(children, "streams that lead elsewhere") {
  run_bounded([] {
    subprocess merged = shell("echo out; echo err >&2; echo end", {.standard_output = stdio::pipe, .standard_error = stdio::merge});
    CHECK(merged.communicate().output == "out\nerr\nend\n");
    CHECK_FALSE(merged.has_standard_error());
    CHECK(shell("cat; echo x; echo y >&2", {stdio::null, stdio::null, stdio::null}).wait() == 0);
    // As a file too.
    subprocess p = create_subprocess({"cat", "/dev/stdin"}, all_piped);
    CHECK(p.communicate("as a file").output == "as a file");
    CHECK(shell("test -p /dev/stdin && test -p /dev/stdout && exit 8", all_piped).wait() == 8);
  });
}

TEST_CASE_FIXTURE(children, "a pipe goes in one direction") {
  run_bounded([] {
    subprocess p = create_subprocess({"cat"}, all_piped);
    CHECK(system_failure([&] { static_cast<void>(p.standard_input().read_line()); }) == "usage_error");
    CHECK(system_failure([&] { p.standard_output().write("x"); }) == "usage_error");
    CHECK(system_failure([&] { p.standard_output().write_eof(); }) == "usage_error");
    CHECK((p.standard_input().can_write_eof() && !p.standard_output().can_write_eof()));
    p.standard_input().write("line\nrest");
    CHECK(p.standard_output().read_line() == "line\n");
    p.standard_input().write_eof();
    CHECK(p.standard_output().read_all() == "rest");
    CHECK(p.wait() == 0);
    CHECK(p.standard_output().local() == net::endpoint());
  });
}

TEST_CASE_FIXTURE(children, "a process group of its own") {
  run_bounded([] {
    subprocess_options options = input_piped;
    subprocess same = create_subprocess({"cat"}, options);
    CHECK(::getpgid(same.pid()) == ::getpgrp());
    options.new_process_group = true;
    subprocess own = create_subprocess({"cat"}, options);
    CHECK(::getpgid(own.pid()) == own.pid());
  });
}

TEST_CASE_FIXTURE(children, "no signal of ours is blocked, no descriptor of ours is open") {
  sigset_t blocked;
  sigset_t before;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGUSR1);
  ::pthread_sigmask(SIG_BLOCK, &blocked, &before);
  const auto old_pipe = std::signal(SIGPIPE, SIG_IGN);
  const auto old_usr2 = std::signal(SIGUSR2, SIG_IGN);
  const int open = ::fcntl(1, F_DUPFD, 100);
  run_bounded([&] {
    const std::string status = create_subprocess({"grep", "-E", "SigBlk|SigIgn", "/proc/self/status"}, output_piped).communicate().output;
    REQUIRE(status.starts_with("SigBlk:\t0000000000000000\nSigIgn:\t"));
    // The library of C has the two for itself that follow signal 31.
    CHECK((std::stoull(status.substr(status.rfind('\t')), nullptr, 16) & 0x7fff'ffff) == 1ULL << (SIGUSR2 - 1));
    CHECK(shell("test -e /proc/self/fd/" + std::to_string(open)).wait() == 1);
    // Neither are the other children's pipes: one that is closed ends.
    subprocess one = create_subprocess({"cat"}, input_piped);
    subprocess other = create_subprocess({"cat"}, input_piped);
    one.standard_input().close();
    CHECK(one.wait() == 0);
  });
  ::close(open);
  std::signal(SIGPIPE, old_pipe);
  std::signal(SIGUSR2, old_usr2);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST_CASE_FIXTURE(children, "a broken pipe leaves other SIGPIPEs alone") {
  sigset_t pipe;
  sigset_t before;
  sigset_t pending;
  ::sigemptyset(&pipe);
  ::sigaddset(&pipe, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &pipe, &before);
  const auto break_one = [&] {
    run_bounded([] {
      subprocess p = create_subprocess({"true"}, input_piped);
      p.wait();
      p.standard_input().write("x");
      CHECK(p.standard_input().is_closing());
    });
    ::sigpending(&pending);
    return ::sigismember(&pending, SIGPIPE) == 1;
  };
  CHECK_FALSE(break_one());
  ::raise(SIGPIPE);
  CHECK(break_one());
  const timespec at_once{};
  CHECK(::sigtimedwait(&pipe, nullptr, &at_once) == SIGPIPE);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST_CASE_FIXTURE(children, "this process's own input is closed") {
  const int kept = ::fcntl(0, F_DUPFD_CLOEXEC, 100);
  if (kept >= 0) ::close(0);
  run_bounded([] {
    subprocess p = create_subprocess({"cat"}, all_piped);
    CHECK(p.communicate("data").output == "data");
    CHECK(p.return_code() == 0);
  });
  if (kept >= 0) {
    ::dup2(kept, 0);
    ::close(kept);
  }
}

// --- Mistakes, and other people's ---

TEST_CASE_FIXTURE(children, "what makes no sense is refused") {
  const auto refused = [](const std::vector<std::string>& arguments, const subprocess_options& options = {}) {
    return system_failure([&] { static_cast<void>(create_subprocess(arguments, options)); });
  };
  CHECK(refused({"true"}) == "usage_error");
  run_bounded([&] {
    CHECK(refused({}) == "invalid_argument");
    CHECK(refused({std::string("a\0b", 3)}) == "invalid_argument");
    CHECK(refused({"true"}, {.standard_input = stdio::merge}) == "invalid_argument");
    CHECK(refused({"true"}, {.standard_output = stdio::merge}) == "invalid_argument");
    CHECK(refused({"true"}, {.directory = std::string("\0", 1)}) == "invalid_argument");
    for (const std::string name : {"", "A=B"}) {
      subprocess_options named;
      named.environment = variables{{name, "x"}};
      CHECK(refused({"true"}, named) == "invalid_argument");
    }
    subprocess_options no_limit = output_piped;
    no_limit.stream.limit = 0;
    CHECK(refused({"true"}, no_limit) == "invalid_argument");
    subprocess none;
    CHECK(system_failure([&] { none.wait(); }) == "usage_error");
    none.close();
    subprocess p = create_subprocess({"cat"}, all_piped);
    auto reader = async([&] { return p.standard_output().read_line(); });
    yield();
    CHECK(system_failure([&] { p.communicate("text\n"); }) == "usage_error");
    CHECK(await(reader) == "text\n");
  });
}

TEST_CASE_FIXTURE(children, "somebody else takes a child's record") {
  const auto old = std::signal(SIGCHLD, SIG_IGN);
  run_bounded([] {
    subprocess p = create_subprocess({"cat"}, input_piped);
    p.standard_input().close();
    CHECK(p.wait() == 255);
    subprocess dropped = create_subprocess({"sleep", "100"});
  });
  std::signal(SIGCHLD, old);
}

TEST_CASE_FIXTURE(children, "many children at a time") {
  run_bounded([] {
    std::vector<task<std::string>> all;
    for (int i = 0; i < 20; ++i) {
      all.push_back(async([i] { return create_subprocess({"cat"}, all_piped).communicate(std::to_string(i)).output; }));
    }
    const auto outputs = gather(all);
    for (std::size_t i = 0; i < outputs.size(); ++i) CHECK(outputs[i] == std::to_string(i));
  });
}

// --- The twin ---

TEST_CASE_FIXTURE(children, "stackless: a child, awaited by coroutines") {
  struct parts {
    static stackless::task<> main() {
      subprocess p = shell("cat; echo done >&2; exit 3", all_piped);
      const subprocess_output both = co_await stackless::communicate(p, "data");
      CHECK(both.output == "data");
      CHECK(both.error == "done\n");
      int code = co_await stackless::wait(p);
      CHECK(code == 3);

      subprocess one = create_subprocess({"cat"}, input_piped);
      auto waiting = stackless::spawn(stackless::wait(one));
      co_await stackless::yield();
      waiting.cancel();
      co_await stackless::gather(return_exceptions, waiting);
      CHECK(waiting.cancelled());
      CHECK_FALSE(one.return_code());
      one.kill();
      code = co_await stackless::wait(one);
      CHECK(code == -SIGKILL);

      subprocess quiet = create_subprocess({"true"}, input_piped);
      const subprocess_output nothing = co_await stackless::communicate(quiet, std::string(1'000'000, 'x'));
      CHECK((nothing.output.empty() && nothing.error.empty()));
      CHECK(quiet.return_code() == 0);
    }
  };
  run_bounded([] { await(parts::main()); });
}

// A child takes its own time, so these moments are not the same in each run, as those of `cancel_everywhere` must be.
TEST_CASE_FIXTURE(children, "cancelled at any moment of a child's life: none is left, nor is a descriptor") {
  run_bounded([] {
    create_subprocess({"true"}, all_piped).wait();  // now there is all that a loop opens for its first child
    const auto before = open_descriptors();
    for (int moment = 0; moment < 60; ++moment) {
      int pid = 0;
      auto life = async([&] {
        subprocess p = create_subprocess({"cat"}, all_piped);
        pid = p.pid();
        p.standard_input().write("hello\n");
        const std::string line = p.standard_output().read_line();
        CHECK(line == "hello\n");
        p.standard_input().close();
        const int code = p.wait();
        CHECK(code == 0);
      });
      for (int i = 0; i < moment / 3; ++i) sleep(100us);
      for (int i = 0; i < moment % 3; ++i) yield();
      life.cancel();
      const std::string how = caught([&] { await(life); });
      CHECK((how == "cancelled_error" || how == "nothing"));
      while (pid != 0 && !is_gone(pid)) sleep(1ms);
    }
    CHECK(open_descriptors() == before);
  });
}
