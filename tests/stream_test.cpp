// SPDX-License-Identifier: BSL-1.0
#include <nakh/net/stream.hpp>

#include "support/fixture.hpp"
#include "support/sockets.hpp"
#include "support/system_failure.hpp"

#include <nakh/asio.hpp>
#include <nakh/future.hpp>
#include <nakh/gather.hpp>
#include <nakh/net.hpp>
#include <nakh/task.hpp>
#include <nakh/task_group.hpp>
#include <nakh/testing.hpp>
#include <nakh/timeout.hpp>

#include <sys/socket.h>

#include <array>
#include <boost/asio/post.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

using namespace nakh;
using namespace nakh::test;
using namespace std::chrono_literals;
using net::stream;

namespace {

/// As `caught`, with the errors of streams.
template <class F>
std::string failure(F&& f) {
  try {
    std::forward<F>(f)();
    return "nothing";
  } catch (const net::incomplete_read_error& e) {
    return "incomplete '" + e.partial() + "' of " + (e.expected() ? std::to_string(*e.expected()) : "none");
  } catch (const net::limit_overrun_error& e) {
    return "overrun " + std::to_string(e.consumed());
  } catch (const std::length_error&) {
    return "length_error";
  } catch (...) {
    return system_failure([] { throw; });
  }
}

/// The peer has closed with bytes unread: a Unix socket's way to reset.
void reset(raw_peer& p) {
  p.stream.write("unread");
  p.close();
}

}  // namespace

TEST_CASE_FIXTURE(fixture, "T-str-01: lines, exact sizes and separators come out the same, however the bytes come in") {
  const std::string all = "first\nsecond line\n\n12345678tail;;end";
  for (std::size_t chunk = 1; chunk <= all.size(); ++chunk) {
    run([&] {
      raw_peer p;
      const auto feeder = async([&] {
        for (std::size_t at = 0; at < all.size(); at += chunk) {
          p.send(std::string_view(all).substr(at, chunk));
          yield();
        }
      });
      CHECK(p.stream.read_line() == "first\n");
      CHECK(p.stream.read_until("\n") == "second line\n");
      CHECK(p.stream.read_line() == "\n");
      CHECK(p.stream.read_exactly(8) == "12345678");
      CHECK(p.stream.read_until(";;") == "tail;;");
      CHECK(p.stream.read_exactly(3) == "end");
      await(feeder);
    });
  }
}

TEST_CASE_FIXTURE(fixture, "T-str-02: read gives what there is, at least one byte; nothing for 0; read_all all to the end") {
  run([&] {
    raw_peer p;
    p.send("abcdef");
    CHECK(p.stream.read(0).empty());
    CHECK(p.stream.read(4) == "abcd");
    CHECK(p.stream.read(100) == "ef");
    const auto reader = async([&] { return p.stream.read(100); });
    yield();
    CHECK_FALSE(reader.done());
    p.send("x");
    CHECK(await(reader) == "x");
    std::array<char, 3> room{};
    p.send("12345");
    CHECK(p.stream.read(std::span(room)) == 3);
    CHECK(std::string(room.data(), 3) == "123");
    CHECK(p.stream.read(std::span<char>()) == 0);
    p.send(std::string(100'000, 'z'));
    p.shut_down();
    CHECK(p.stream.read_all() == "45" + std::string(100'000, 'z'));
    CHECK(p.stream.read_all().empty());
    CHECK(p.stream.read(1).empty());
    CHECK(p.stream.read(std::span(room)) == 0);
  });
}

TEST_CASE_FIXTURE(fixture, "T-str-03: at the end of the stream: the partial bytes, the rest of a line, then nothing") {
  const auto ended = [&](auto check) {
    run([&] {
      raw_peer p;
      p.send("rest");
      p.shut_down();
      check(p.stream);
      CHECK(p.stream.at_eof());
    });
  };
  ended([](stream& s) { CHECK(failure([&] { static_cast<void>(s.read_exactly(6)); }) == "incomplete 'rest' of 6"); });
  ended([](stream& s) { CHECK(failure([&] { static_cast<void>(s.read_until("\n")); }) == "incomplete 'rest' of none"); });
  ended([](stream& s) {
    CHECK(s.read(2) == "re");
    CHECK_FALSE(s.at_eof());
    CHECK(s.read_line() == "st");
    CHECK(s.read_line().empty());
  });
}

TEST_CASE_FIXTURE(fixture, "T-str-04: a separator beyond the limit is an overrun, and the bytes stay") {
  run([&] {
    SUBCASE("none has come") {
      raw_peer p({.limit = 8});
      p.send("0123456789");
      CHECK(failure([&] { static_cast<void>(p.stream.read_until("\n")); }) == "overrun 10");
      CHECK(p.stream.read_exactly(10) == "0123456789");
    }
    SUBCASE("none has come, and the last bytes may belong to one") {
      raw_peer p({.limit = 8});
      p.send("0123456789");
      CHECK(failure([&] { static_cast<void>(p.stream.read_until("\r\n")); }) == "overrun 9");
    }
    SUBCASE("one has come") {
      raw_peer p({.limit = 8});
      p.send("012345678\nnext\n");
      CHECK(failure([&] { static_cast<void>(p.stream.read_until("\n")); }) == "overrun 9");
      CHECK(p.stream.read_exactly(10) == "012345678\n");
      CHECK(p.stream.read_until("\n") == "next\n");
    }
    SUBCASE("exactly at the limit it is fine") {
      raw_peer p({.limit = 8});
      p.send("01234567\n");
      CHECK(p.stream.read_until("\n") == "01234567\n");
    }
  });
}

TEST_CASE_FIXTURE(fixture,
                  "T-str-05: a line over the limit is dropped, and no other; other reads know no limit; senseless sizes are refused") {
  run([&] {
    raw_peer p({.limit = 4});
    p.send("too long\nok\n");
    CHECK(failure([&] { static_cast<void>(p.stream.read_line()); }) == "length_error");
    CHECK(p.stream.read_line() == "ok\n");
    p.send("unended");
    CHECK(failure([&] { static_cast<void>(p.stream.read_line()); }) == "length_error");
    p.send("0123456789");
    CHECK(p.stream.read_exactly(5) == "01234");
    CHECK(p.stream.read(5) == "56789");
    CHECK(failure([&] { static_cast<void>(p.stream.read_until("")); }) == "invalid_argument");
    CHECK(failure([&] { static_cast<void>(p.stream.read_until(std::span<const std::string_view>())); }) == "invalid_argument");
    CHECK(failure([&] { static_cast<void>(net::adopt_socket(::dup(p.socket), {.limit = 0})); }) == "invalid_argument");
    CHECK(p.stream.read_exactly(0).empty());
  });
}

TEST_CASE_FIXTURE(fixture, "T-str-06: an error comes to the task that reads, and to each later read; a second reader is refused") {
  run([&] {
    raw_peer p;
    p.send("buffered");
    CHECK(p.stream.read(1) == "b");
    const auto reader = async([&] { return failure([&] { static_cast<void>(p.stream.read_until("\n")); }); });
    yield();
    CHECK(failure([&] { static_cast<void>(p.stream.read_line()); }) == "usage_error");
    reset(p);
    CHECK(await(reader) == "reset");
    CHECK(failure([&] { static_cast<void>(p.stream.read(1)); }) == "reset");
    CHECK(failure([&] { static_cast<void>(p.stream.read_all()); }) == "reset");
    CHECK(failure([&] { p.stream.drain(); }) == "reset");
    CHECK(failure([&] { p.stream.wait_closed(); }) == "reset");
    CHECK(p.stream.is_closing());
  });
}

TEST_CASE_FIXTURE(fixture, "T-str-08: write_eof ends one direction, and the other stays open") {
  run([&] {
    stream_pair pair;
    pair.one.write("question");
    CHECK(pair.one.can_write_eof());
    pair.one.write_eof();
    pair.one.write_eof();
    CHECK(pair.other.read_all() == "question");
    pair.other.write("answer");
    pair.other.close();
    CHECK(pair.one.read_all() == "answer");
    CHECK(failure([&] { pair.one.write("more"); }) == "usage_error");
  });
}

TEST_CASE_FIXTURE(fixture, "write_eof comes behind what is not sent yet") {
  run([&] {
    stream_pair pair;
    const std::string much(20'000'000, 'm');
    pair.one.write(much);
    CHECK(pair.one.write_buffer_size() > 0);
    pair.one.write_eof();
    CHECK(pair.other.read_all() == much);
  });
}

TEST_CASE_FIXTURE(fixture, "T-str-09: close, wait_closed; a task that reads the closed side is at the end") {
  run([&] {
    raw_peer p;
    const auto reader = async([&] { return p.stream.read_line(); });
    yield();
    CHECK_FALSE(p.stream.is_closing());
    p.stream.close();
    CHECK(p.stream.is_closing());
    p.stream.wait_closed();
    CHECK(await(reader).empty());
    CHECK(p.stream.at_eof());
    CHECK(p.stream.native_handle() == -1);
    CHECK(p.sees_end());
    p.stream.close();
  });
}

TEST_CASE_FIXTURE(fixture, "close sends what was written first; a stream that goes closes") {
  run([&] {
    stream_pair pair;
    const std::string much(20'000'000, 'm');
    {
      const stream gone = std::move(pair.one);
      const_cast<stream&>(gone).write(much);
    }
    CHECK_FALSE(pair.one);
    CHECK(failure([&] { pair.one.write("x"); }) == "usage_error");
    CHECK(pair.other.read_all() == much);
  });
}

TEST_CASE_FIXTURE(fixture, "abort drops what was not sent, and the peer gets a reset") {
  run([&] {
    stream_pair pair;
    pair.one.write(std::string(20'000'000, 'm'));
    pair.one.abort();
    pair.one.wait_closed();
    CHECK(failure([&] { static_cast<void>(pair.other.read_all()); }) == "reset");
  });
}

TEST_CASE_FIXTURE(fixture, "T-str-10: nobody listens") {
  run([&] {
    net::server s = net::start_server([](stream&) {}, net::endpoint("127.0.0.1", 0));
    const auto there = s.endpoints().front();
    s.close();
    CHECK(failure([&] { static_cast<void>(net::open_connection(there)); }) == "refused");
    CHECK(failure([&] { static_cast<void>(net::open_connection("127.0.0.1", there.port())); }) == "refused");
    CHECK(failure([&] { static_cast<void>(net::open_connection("localhost", there.port())); }) == "refused");
  });
}

TEST_CASE_FIXTURE(fixture, "T-str-11: drain waits above the high-water mark until the low one; several tasks may") {
  run([&] {
    raw_peer p({.high_water = 1000});
    p.stream.write("little");
    p.stream.drain();  // does not wait
    p.stream.write(std::string(1'000'000, 'm'));
    CHECK(p.stream.write_buffer_size() > 1000);
    int drained = 0;
    std::vector<task<>> all;
    for (int i = 0; i < 3; ++i)
      all.push_back(async([&] {
        p.stream.drain();
        ++drained;
        CHECK(p.stream.write_buffer_size() <= 250);
      }));
    sleep(1s);
    CHECK(drained == 0);
    std::size_t received = 0;
    while (drained < 3) {
      received += p.received().size();
      sleep(1ms);
    }
    for (const auto& t : all) await(t);
    received += p.received().size();
    CHECK(received + p.stream.write_buffer_size() == 1'000'006);
    CHECK(failure([&] { p.stream.set_write_buffer_limits(10, 20); }) == "invalid_argument");
  });
}

TEST_CASE_FIXTURE(fixture, "T-str-12: after the connection is lost or closed, write and drain throw, never an endless loop") {
  run([&] {
    SUBCASE("closed here") {
      raw_peer p;
      p.stream.close();
      p.stream.write("into the void");
      CHECK(failure([&] { p.stream.drain(); }) == "reset");
    }
    SUBCASE("closed there") {
      stream_pair pair;
      pair.other.abort();
      std::string how = "nothing";
      for (int i = 0; i < 100 && how == "nothing"; ++i) {
        pair.one.write("x");
        how = failure([&] { pair.one.drain(); });
        sleep(1ms);
      }
      CHECK((how == "reset" || how == "broken pipe"));
    }
    SUBCASE("while it drains") {
      raw_peer p;
      p.stream.write(std::string(1'000'000, 'm'));
      const auto drains = async([&] { return failure([&] { p.stream.drain(); }); });
      yield();
      p.close();
      const std::string how = await(drains);
      CHECK((how == "reset" || how == "broken pipe"));
    }
  });
}

TEST_CASE_FIXTURE(fixture, "T-str-13: a reader that is cancelled loses nothing") {
  run([&] {
    raw_peer p;
    p.send("half");
    CHECK(failure([&] { timeout(1s, [&] { static_cast<void>(p.stream.read_line()); }); }) == "timeout_error");
    p.send(" and half\n");
    CHECK(p.stream.read_line() == "half and half\n");
    // While much is being sent, which goes on.
    p.stream.write(std::string(1'000'000, 'm'));
    CHECK(failure([&] { timeout(1s, [&] { static_cast<void>(p.stream.read(1)); }); }) == "timeout_error");
    std::size_t received = 0;
    while (received < 1'000'000) {
      received += p.received().size();
      sleep(1ms);
    }
    CHECK(received == 1'000'000);
    p.send("x");
    CHECK(p.stream.read(1) == "x");
    p.close();
    CHECK(p.stream.read(1).empty());
  });
}

TEST_CASE_FIXTURE(fixture, "T-str-14: with several separators the match that ends first counts") {
  run([&] {
    raw_peer p;
    p.send("one\r\ntwo\nthree\rfour");
    const std::array<std::string_view, 3> ends{"\r\n", "\n", "\r"};
    CHECK(p.stream.read_until(ends) == "one\r");
    CHECK(p.stream.read_until(ends) == "\n");
    CHECK(p.stream.read_until(ends) == "two\n");
    CHECK(p.stream.read_until(ends) == "three\r");
    const std::array<std::string_view, 2> nested{"ourX", "X"};
    p.send("X");
    CHECK(p.stream.read_until(nested) == "fourX");
  });
}

TEST_CASE_FIXTURE(fixture, "what a peer sends is not read before somebody asks for it") {
  run([&] {
    stream_pair pair;
    const auto writer = async([&] {
      for (int i = 0; i < 1000; ++i) {
        pair.one.write(std::string(65'536, 'm'));
        pair.one.drain();
      }
    });
    sleep(1h);
    CHECK_FALSE(writer.done());
    CHECK(pair.other.read_exactly(65'536'000).size() == 65'536'000);
    await(writer);
  });
}

TEST_CASE_FIXTURE(fixture, "endpoints: forms, kinds and errors") {
  CHECK(net::endpoint("127.0.0.1", 80).to_string() == "127.0.0.1:80");
  CHECK(net::endpoint("::1", 80).to_string() == "[::1]:80");
  CHECK(net::endpoint("::1", 80).address() == "::1");
  CHECK(net::endpoint("::1", 80) != net::endpoint("::1", 81));
  CHECK(net::endpoint::of_path("/tmp/x").path() == "/tmp/x");
  CHECK(net::endpoint::of_path(std::string_view("\0name", 5)).path() == std::string_view("\0name", 5));
  CHECK(net::endpoint().to_string() == "none");
  CHECK(net::endpoint().family() == net::endpoint::kind::none);
  CHECK(caught([] { net::endpoint("example", 80); }) == "invalid_argument");
  CHECK(caught([] { static_cast<void>(net::endpoint::of_path(std::string(108, 'x'))); }) == "invalid_argument");
  CHECK(net::endpoint::of_path(std::string(107, 'x')).path().size() == 107);
  run([&] {
    stream_pair pair;
    CHECK(pair.one.peer() == pair.other.local());
    CHECK(pair.one.peer().address() == "127.0.0.1");
    CHECK(caught([] { static_cast<void>(net::open_connection(net::endpoint())); }) == "invalid_argument");
    CHECK(failure([] { static_cast<void>(net::adopt_socket(-1)); }).starts_with("nakh: no stream over descriptor -1"));
  });
}

TEST_CASE_FIXTURE(fixture, "resolve: addresses as they are, names in a thread, and an error that names what was looked for") {
  run_in_real_time([&] {
    CHECK(net::resolve("127.0.0.1", 80) == std::vector{net::endpoint("127.0.0.1", 80)});
    const auto local = net::resolve("localhost", 80);
    CHECK(std::ranges::find(local, net::endpoint("127.0.0.1", 80)) != local.end());
    CHECK(caught([] { static_cast<void>(net::resolve("no.such.name.invalid", 80)); }).find("'no.such.name.invalid'") != std::string::npos);
    CHECK(caught([] { static_cast<void>(net::resolve(std::string("a\0b", 3), 80)); }) == "invalid_argument");
  });
}

TEST_CASE_FIXTURE(fixture, "datagrams") {
  run([&] {
    net::datagram_socket one(net::endpoint("127.0.0.1", 0));
    net::datagram_socket other(net::endpoint("127.0.0.1", 0), one.local());
    other.send("hello");
    net::endpoint from;
    CHECK(one.receive(&from) == "hello");
    CHECK(from == other.local());
    one.send_to("answer", from);
    one.send_to("", from);
    std::array<char, 3> room{};
    CHECK(other.receive(std::span(room)) == 3);
    CHECK(std::string(room.data(), 3) == "ans");
    CHECK(other.receive().empty());
    CHECK(failure([&] { timeout(1s, [&] { static_cast<void>(one.receive()); }); }) == "timeout_error");
    other.send("kept");
    CHECK(one.receive() == "kept");
    const auto waits = async([&] { return failure([&] { static_cast<void>(one.receive()); }); });
    yield();
    one.close();
    CHECK(await(waits).find("canceled") != std::string::npos);
  });
}

TEST_CASE_FIXTURE(fixture, "a loop that ends closes what is left: an open stream, one that still sends, a server") {
  std::optional<raw_peer> left;
  std::optional<raw_peer> sends;
  net::server server;
  run([&] {
    left.emplace();
    left->stream.write("kept");
    sends.emplace();
    sends->stream.write(std::string(1'000'000, 'm'));
    {
      const stream closing = std::move(sends->stream);
    }
    server = net::start_server([](stream& s) { static_cast<void>(s.read_all()); }, net::endpoint("127.0.0.1", 0));
    stream c = net::open_connection(server.endpoints().front());
    c.write(std::string(20'000'000, 'm'));
    sleep(1ms);
  });
  CHECK(left->stream.is_closing());
  left->stream.write("into the void");
  CHECK(left->stream.native_handle() == -1);
  CHECK_FALSE(server.is_serving());
  CHECK(left->received() == "kept");
  left.reset();
  sends.reset();
}

// --- Everywhere ---

TEST_CASE_FIXTURE(fixture, "streams cancelled at each suspension: nothing is left open") {
  struct world {};
  const auto scenario = [](world&) {
    net::server s = net::start_server(
        [](stream& c) {
          for (std::string line = c.read_line(); !line.empty(); line = c.read_line()) {
            c.write(line);
            c.drain();
          }
        },
        "127.0.0.1", 0);
    {
      stream c = net::open_connection(s.endpoints().front());
      for (int i = 0; i < 3; ++i) {
        c.write("hello\n");
        const std::string line = c.read_line();
        CHECK(line == "hello\n");
      }
      c.write(std::string(100'000, 'x') + "\n");
      c.drain();
      try {
        static_cast<void>(c.read_line());
      } catch (const std::system_error&) {
        // The other side has closed, with or without something unread.
      }
      c.close();
    }
    s.close();
    s.wait_closed();
  };
  const auto quiet = [&](world& w) {
    get_running_loop().set_exception_handler([](event_loop&, const exception_context&) {});  // of the lines that are too long
    scenario(w);
  };
  const auto before = open_descriptors();
  CHECK(testing::cancel_everywhere<world>({}, quiet, [](world&) {}).runs >= 6);
  CHECK(testing::cancel_everywhere<world>({.twice = true}, quiet, [](world&) {}).runs >= 6);
  CHECK(open_descriptors() == before);
}

TEST_CASE_FIXTURE(fixture, "a lookup cancelled at each suspension: the thread ends by itself, and the loop with it") {
  struct world {};
  const auto scenario = [](world&) {
    const auto found = net::resolve("localhost", 80);
    CHECK_FALSE(found.empty());
  };
  CHECK(testing::cancel_everywhere<world>({}, scenario, [](world&) {}).runs >= 2);
}

// In real time: in virtual time the loop looks everywhere each time.
TEST_CASE("what is for Boost.Asio to run has its turn while a stream has something at each look") {
  nakh::run([] {
    raw_peer p;
    constexpr int most_reads = 1'000'000;
    for (int turn = 0; turn < 20; ++turn) {
      bool had_turn = false;
      boost::asio::post(get_executor(), [&] { had_turn = true; });
      int reads = 0;
      while (!had_turn && reads < most_reads) {
        p.send("x");
        REQUIRE(p.stream.read(1) == "x");
        ++reads;
      }
      CHECK(had_turn);
    }
  });
}
