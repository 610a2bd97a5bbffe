// SPDX-License-Identifier: BSL-1.0
// Rows: T-str-01 T-str-02 T-str-03 T-str-04 T-str-07 T-str-08
#include <nakh/stackless/net.hpp>

#include "stackless_trace.hpp"

namespace trace::stream_lines {

sl::task<> echo(net::stream s) {
  for (;;) {
    const auto line = co_await sl::read_line(s);
    if (line.empty()) break;
    say("server", line.size());
    s.write(line);
    co_await sl::drain(s);
  }
  s.write("bye");
  s.close();
}

sl::task<> talks(net::stream s) {
  const char* const lines[] = {"first\n", "second line\n", "\n"};
  for (const char* line : lines) {
    s.write(line);
    co_await sl::drain(s);
    const auto answer = co_await sl::read_line(s);
    say("client", answer.size());
  }
  s.write("a;b;;c\n");
  const auto until = co_await sl::read_until(s, ";;");
  const auto exactly = co_await sl::read_exactly(s, 2);
  say(until, exactly);
  s.write("the last");
  s.write_eof();
  const auto last = co_await sl::read_exactly(s, 8);
  say(last, s.at_eof());
  const auto nothing = co_await sl::read(s, 0);
  say(nothing.size());
  try {
    co_await sl::read_exactly(s, 10);
  } catch (const net::incomplete_read_error& error) {
    say("incomplete", error.partial(), *error.expected());
  }
  const auto none = co_await sl::read_line(s);
  say(none.size(), s.at_eof());
}

sl::task<> overruns(net::stream s) {
  s.write("0123456789abcdef\n");
  s.write_eof();
  bool overrun = false;
  try {
    co_await sl::read_until(s, ";");
  } catch (const net::limit_overrun_error&) {
    overrun = true;
  }
  if (overrun) {
    const auto first = co_await sl::read_exactly(s, 10);
    say("overrun", first);
  }
  const auto rest = co_await sl::read_all(s);
  say(rest);
}

sl::task<> program() {
  net::server server = sl::start_server(&echo, net::endpoint("127.0.0.1", 0));
  const net::endpoint there = server.endpoints().front();
  net::stream s = co_await sl::open_connection(there);
  co_await talks(std::move(s));
  net::connect_options small;
  small.stream.limit = 8;
  s = co_await sl::open_connection(there, small);
  co_await overruns(std::move(s));
}

}  // namespace trace::stream_lines

TRACE(stream_lines) { sl::run(trace::stream_lines::program()); }
