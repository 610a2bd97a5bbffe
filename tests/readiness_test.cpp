// SPDX-License-Identifier: BSL-1.0
#include <nakh/loop.hpp>

#include "support/fixture.hpp"

#include <nakh/context_var.hpp>
#include <nakh/event.hpp>
#include <nakh/task.hpp>
#include <nakh/timeout.hpp>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <array>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace nakh;
using namespace nakh::test;
using namespace std::chrono_literals;

namespace {

/// Two connected sockets, both blocking.
struct connected {
  connected() { REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) == 0); }
  ~connected() {
    close_one(ends[0]);
    close_one(ends[1]);
  }
  connected(const connected&) = delete;
  connected& operator=(const connected&) = delete;
  static void close_one(int& fd) {
    if (fd >= 0) ::close(std::exchange(fd, -1));
  }
  void send(const std::string& text) const { REQUIRE(::write(ends[1], text.data(), text.size()) == static_cast<ssize_t>(text.size())); }
  [[nodiscard]] char get() const {
    char c = 0;
    return ::recv(ends[0], &c, 1, MSG_DONTWAIT) == 1 ? c : '-';
  }

  std::array<int, 2> ends{-1, -1};
};

constexpr int some_passes = 5;

}  // namespace

TEST_CASE_FIXTURE(loop_fixture, "reader: called once a pass as long as there is something to read") {
  const connected c;
  loop.add_reader(c.ends[0], [&] {
    CHECK(&get_running_loop() == &loop);
    CHECK_FALSE(current_task());
    say(std::string(1, c.get()));
  });
  loop.run_until_complete([&] {
    give_up_passes(some_passes);
    CHECK(say.take().empty());
    c.send("abc");
    give_up_passes(2 * some_passes);
    CHECK(say.take() == "a b c");
    c.send("d");
    sleep(1h);
    CHECK(say.take() == "d");
  });
  CHECK(loop.remove_reader(c.ends[0]));
}

TEST_CASE_FIXTURE(loop_fixture, "reader: what is not read is told of in each pass, and others have their turns") {
  const connected c;
  c.send("x");
  int told = 0;
  loop.add_reader(c.ends[0], [&] { ++told; });
  loop.run_until_complete([&] {
    for (int before = told; told < 10; before = told) {
      yield();
      CHECK(told <= before + 1);
    }
    CHECK(loop.remove_reader(c.ends[0]));
  });
  CHECK(c.get() == 'x');
}

TEST_CASE_FIXTURE(loop_fixture, "reader: a second one replaces the first, whose place in the queue is void") {
  const connected c;
  loop.run_until_complete([&] {
    loop.add_reader(c.ends[0], [&] { say("first"); });
    c.send("x");
    loop.add_reader(c.ends[0], [&] {
      say("second");
      CHECK(c.get() == 'x');
    });
    give_up_passes(some_passes);
    CHECK(say.take() == "second");
    loop.add_reader(c.ends[0], [&] {
      say("third");
      CHECK(c.get() == 'y');
      loop.add_reader(c.ends[0], [&] { say("fourth"); });
    });
    c.send("y");
    give_up_passes(some_passes);
    CHECK(say.take() == "third");
    CHECK(loop.remove_reader(c.ends[0]));
    CHECK_FALSE(loop.remove_reader(c.ends[0]));
  });
}

TEST_CASE_FIXTURE(loop_fixture, "reader and writer of one descriptor are independent") {
  const connected c;
  const int fd = c.ends[0];
  loop.run_until_complete([&] {
    CHECK_FALSE(loop.remove_reader(fd));
    CHECK_FALSE(loop.remove_writer(fd));
    loop.add_reader(fd, [&] { say(std::string(1, c.get())); });
    CHECK_FALSE(loop.remove_writer(fd));
    loop.add_writer(fd, [&] {
      say("writable");
      CHECK(loop.remove_writer(fd));
    });
    give_up_passes(some_passes);
    CHECK(say.take() == "writable");
    c.send("r");
    give_up_passes(some_passes);
    CHECK(say.take() == "r");
    loop.add_writer(fd, [&] {
      say("again");
      loop.remove_writer(fd);
    });
    CHECK(loop.remove_reader(fd));
    c.send("s");
    give_up_passes(some_passes);
    CHECK(say.take() == "again");
    CHECK_FALSE(loop.remove_writer(fd));
  });
}

TEST_CASE_FIXTURE(loop_fixture, "reader: removed in its own call, and by another one in the same pass") {
  const connected a;
  const connected b;
  const auto token = std::make_shared<int>(0);
  const auto remove_all = [&, token] {
    say("one");
    CHECK(loop.remove_reader(a.ends[0]));
    CHECK(loop.remove_reader(b.ends[0]));
    CHECK(token.use_count() > 1);  // what runs lasts until it returns
  };
  loop.run_until_complete([&] {
    loop.add_reader(a.ends[0], remove_all);
    loop.add_reader(b.ends[0], remove_all);
    a.send("x");
    b.send("x");
    give_up_passes(some_passes);
    CHECK(say.take() == "one");
  });
  CHECK_FALSE(loop.remove_reader(a.ends[0]));
  CHECK(token.use_count() == 2);
}

TEST_CASE_FIXTURE(loop_fixture, "reader: what goes with a callback may use the loop") {
  const connected c;
  struct at_end {
    explicit at_end(std::function<void()> g) : f(std::move(g)) {}
    at_end(const at_end&) = delete;
    at_end& operator=(const at_end&) = delete;
    ~at_end() { f(); }
    std::function<void()> f;
  };
  const auto with = [](std::function<void()> f) { return [last = std::make_shared<at_end>(std::move(f))] {}; };
  loop.add_reader(c.ends[0], with([&] {
                    say("gone");
                    CHECK(loop.remove_reader(c.ends[0]));
                  }));
  loop.add_reader(c.ends[0], with([&] {
                    say("again");
                    loop.add_reader(c.ends[0], [] {});
                  }));
  CHECK(say.take() == "gone again");
  CHECK(loop.remove_reader(c.ends[0]));
}

TEST_CASE_FIXTURE(loop_fixture, "reader: the end of a connection is something to read, and lets a writer know too") {
  connected c;
  loop.run_until_complete([&] {
    loop.add_reader(c.ends[0], [&] {
      char byte = 0;
      say("reads", ::recv(c.ends[0], &byte, 1, 0));
      loop.remove_reader(c.ends[0]);
    });
    connected::close_one(c.ends[1]);
    give_up_passes(some_passes);
    CHECK(say.take() == "reads0");

    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    REQUIRE(::fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0);
    const std::string much(4096, 'x');
    while (::write(ends[1], much.data(), much.size()) > 0) continue;
    loop.add_writer(ends[1], [&] {
      say("told");
      loop.remove_writer(ends[1]);
    });
    give_up_passes(some_passes);
    CHECK(say.take().empty());
    ::close(ends[0]);
    give_up_passes(some_passes);
    CHECK(say.take() == "told");
    ::close(ends[1]);
  });
}

TEST_CASE_FIXTURE(loop_fixture, "reader: what cannot be watched is refused with its number") {
  const auto message_of = [](auto&& f) {
    try {
      f();
    } catch (const std::exception& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  CHECK(caught([&] { loop.add_reader(-1, [] {}); }) == "invalid_argument");
  CHECK(caught([&] { loop.add_writer(1 << 20, [] {}); }) == "invalid_argument");
  CHECK(message_of([&] { loop.add_reader(-1, [] {}); }) ==
        "nakh: descriptor -1 is not open; remove the reader or writer of one before you close it");

  std::FILE* const file = std::tmpfile();
  REQUIRE(file != nullptr);
  const int fd = ::fileno(file);
  CHECK(caught([&] { loop.add_reader(fd, [] {}); }) == "usage_error");
  CHECK(message_of([&] { loop.add_writer(fd, [] {}); }) ==
        "nakh: descriptor " + std::to_string(fd) +
            " is a file or folder, for which there is no waiting; read and write it in nakh::to_thread");
  CHECK_FALSE(loop.remove_reader(fd));
  std::fclose(file);
  CHECK_FALSE(loop.remove_reader(-1));
}

TEST_CASE_FIXTURE(loop_fixture, "reader: the descriptor is not closed, and stays as it was") {
  connected c;
  const int flags = ::fcntl(c.ends[0], F_GETFL);
  CHECK((flags & O_NONBLOCK) == 0);
  loop.run_until_complete([&] {
    loop.add_reader(c.ends[0], [&] { say(std::string(1, c.get())); });
    c.send("x");
    give_up_passes(some_passes);
    CHECK(say.take() == "x");
    CHECK(::fcntl(c.ends[0], F_GETFL) == flags);
    loop.remove_reader(c.ends[0]);
    CHECK(::fcntl(c.ends[0], F_GETFL) == flags);
  });
}

TEST_CASE_FIXTURE(loop_fixture, "reader: the number of a closed descriptor comes again") {
  auto c = std::make_unique<connected>();
  const int number = c->ends[0];
  loop.run_until_complete([&] {
    loop.add_reader(number, [&] { say("old"); });
    loop.add_writer(number, [&] { say("old writer"); });
    SUBCASE("after it was removed") {
      loop.remove_reader(number);
      loop.remove_writer(number);
    }
    SUBCASE("though it was not") {}
    c.reset();
    give_up_passes(some_passes);
    static_cast<void>(say.take());
    c = std::make_unique<connected>();
    REQUIRE(c->ends[0] == number);
    loop.add_reader(number, [&] { say(std::string(1, c->get())); });
    c->send("n");
    give_up_passes(some_passes);
    CHECK(say.take() == "n");
    CHECK_FALSE(loop.remove_writer(number));
    CHECK(loop.remove_reader(number));
  });
}

TEST_CASE_FIXTURE(loop_fixture, "reader: closed and removed too late, while another descriptor of the same file stays open") {
  const connected c;
  const int number = c.ends[0];
  const int copy = ::dup(number);
  loop.run_until_complete([&] {
    loop.add_reader(number, [&] { say("old"); });
    ::close(number);
    CHECK(loop.remove_reader(number));
    c.send("x");
    give_up_passes(some_passes);
    CHECK(say.take().empty());
    REQUIRE(::dup2(copy, number) == number);
    loop.add_reader(number, [&] { say(std::string(1, c.get())); });
    give_up_passes(some_passes);
    CHECK(say.take() == "x");
    CHECK(loop.remove_reader(number));
  });
  ::close(copy);
}

TEST_CASE_FIXTURE(loop_fixture, "reader: what a callback throws is reported with its origin, and it is called again") {
  const connected c;
  unsigned int line = 0;
  loop.run_until_complete([&] {
    line = source_location::current().line() + 1;
    loop.add_reader(c.ends[0], [&] { throw std::runtime_error(std::string(1, c.get())); });
    c.send("ab");
    give_up_passes(some_passes);
  });
  REQUIRE(reports.size() == 2);
  CHECK(reports[0].message == "Exception in callback");
  CHECK(reports[0].error == "a");
  CHECK(reports[0].line == line);
  CHECK(reports[1].error == "b");
  reports.clear();

  loop.remove_reader(c.ends[0]);
  loop.add_reader(c.ends[0], [] { throw system_exit(3); });
  c.send("c");
  CHECK(caught([&] { loop.run_forever(); }) == "system_exit(3)");
}

TEST_CASE_FIXTURE(loop_fixture, "reader: its calls share the context in which it was added") {
  const connected c;
  const context_var<int> count("count", 0);
  loop.run_until_complete([&] {
    count.set(10);
    loop.add_reader(c.ends[0], [&] {
      static_cast<void>(c.get());
      count.set(count.get() + 1);
      say("", count.get());
    });
    count.set(20);
    c.send("xy");
    give_up_passes(some_passes);
    CHECK(say.take() == "11 12");
    CHECK(count.get() == 20);
  });
}

TEST_CASE_FIXTURE(loop_fixture, "reader: more of them at once than are served at a time") {
  std::vector<std::unique_ptr<connected>> all;
  for (int i = 0; i < 200; ++i) {
    auto c = std::make_unique<connected>();
    loop.add_reader(c->ends[0], [&, at = c.get()] { say(std::string(1, at->get())); });
    c->send("x");
    all.push_back(std::move(c));
  }
  loop.run_until_complete([&] { give_up_passes(4 * some_passes); });
  CHECK(say.take().size() == 399);
  for (const auto& c : all) CHECK(loop.remove_reader(c->ends[0]));
}

TEST_CASE_FIXTURE(loop_fixture, "reader: it wakes a task, in virtual time too before that jumps") {
  const connected c;
  event readable;
  loop.add_reader(c.ends[0], [&] {
    loop.remove_reader(c.ends[0]);
    readable.set();
  });
  loop.run_until_complete([&] {
    const auto writer = async([&] { c.send("x"); });
    timeout(1s, [&] { readable.wait(); });
    await(writer);
    CHECK(now() == 0);
  });
}

TEST_CASE_FIXTURE(loop_fixture, "reader: a loop that is closed has none, and takes none") {
  const connected c;
  const auto token = std::make_shared<int>(0);
  loop.add_reader(c.ends[0], [token] {});
  loop.add_writer(c.ends[0], [token] {});
  loop.call_soon([&] { loop.stop(); });
  loop.run_forever();
  loop.close();
  CHECK(token.use_count() == 1);
  CHECK_FALSE(loop.remove_reader(c.ends[0]));
  CHECK_FALSE(loop.remove_writer(c.ends[0]));
  CHECK(caught([&] { loop.add_reader(c.ends[0], [] {}); }) == "usage_error");
  CHECK(caught([&] { loop.add_writer(c.ends[0], [] {}); }) == "usage_error");
}

TEST_CASE_FIXTURE(fixture, "reader: one that a task's cleanup adds while the loop is closed goes with it") {
  const connected c;
  const auto token = std::make_shared<int>(0);
  {
    event_loop own(loop_options{.clock = &clock});
    watch(own);
    const auto left = own.create_task([&] {
      try {
        sleep(1h);
      } catch (...) {
        own.add_reader(c.ends[0], [token] {});
        throw;
      }
    });
    own.run_until_complete([] { yield(); });
    own.close();
    CHECK(token.use_count() == 1);
  }
  reports.clear();
}

TEST_CASE_FIXTURE(fixture, "a reader is something that can come; one that is removed is not") {
  run_options options;
  options.loop.deadlocks = deadlock_detection::always;
  const int alarm = ::timerfd_create(CLOCK_MONOTONIC, 0);
  const itimerspec soon{{0, 0}, {0, 5'000'000}};
  REQUIRE(::timerfd_settime(alarm, 0, &soon, nullptr) == 0);
  nakh::run(options, [&] {
    event rung;
    get_running_loop().add_reader(alarm, [&] {
      get_running_loop().remove_reader(alarm);
      rung.set();
    });
    rung.wait();
  });
  const auto waits_in_vain = [&] {
    get_running_loop().add_reader(alarm, [&] { CHECK(get_running_loop().remove_reader(alarm)); });
    event().wait();
  };
  CHECK_THROWS_AS(nakh::run(options, waits_in_vain), deadlock_error);
  ::close(alarm);
}
