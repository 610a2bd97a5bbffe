// SPDX-License-Identifier: BSL-1.0
// Rows: T-str-01 T-str-02 T-str-03 T-str-04 T-str-07 T-str-08
#include <nakh/net.hpp>

#include "trace.hpp"

TRACE(stream_lines) {
  const auto echo = [](net::stream& s) {
    for (auto line = s.read_line(); !line.empty(); line = s.read_line()) {
      say("server", line.size());
      s.write(line);
      s.drain();
    }
    s.write("bye");
    s.close();
  };
  run([&] {
    net::server server = net::start_server(echo, "127.0.0.1", 0);
    const net::endpoint there = server.endpoints().front();

    net::stream s = net::open_connection(there);
    for (const char* line : {"first\n", "second line\n", "\n"}) {
      s.write(line);
      s.drain();
      say("client", s.read_line().size());
    }
    s.write("a;b;;c\n");
    const auto until = s.read_until(";;");
    say(until, s.read_exactly(2));
    s.write("the last");
    s.write_eof();
    const auto last = s.read_exactly(8);
    say(last, s.at_eof());
    say(s.read(0).size());
    try {
      static_cast<void>(s.read_exactly(10));
    } catch (const net::incomplete_read_error& error) {
      say("incomplete", error.partial(), *error.expected());
    }
    const auto none = s.read_line();
    say(none.size(), s.at_eof());

    s = net::open_connection(there, {.stream = {.limit = 8}});
    s.write("0123456789abcdef\n");
    s.write_eof();
    try {
      static_cast<void>(s.read_until(";"));
    } catch (const net::limit_overrun_error&) {
      say("overrun", s.read_exactly(10));
    }
    say(s.read_all());
  });
}
