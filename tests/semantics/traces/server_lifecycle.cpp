// SPDX-License-Identifier: BSL-1.0
// Rows: T-srv-02 T-srv-03 T-str-09 T-str-10
#include <nakh/net.hpp>

#include "trace.hpp"

TRACE(server_lifecycle) {
  const auto echo = [](net::stream& s) {
    for (auto line = s.read_line(); !line.empty(); line = s.read_line()) s.write(line);
  };
  const auto ask = [](net::stream& s, const char* line) {
    s.write(line);
    auto answer = s.read_line();
    answer.pop_back();
    say(answer);
  };
  const net::endpoint anywhere("127.0.0.1", 0);
  run([&] {
    net::server server = net::start_server(echo, anywhere, {.start_serving = false});
    net::endpoint there = server.endpoints().front();
    say(server.is_serving(), server.endpoints().size());
    server.start_serving();
    say(server.is_serving());
    net::stream s = net::open_connection(there);
    ask(s, "before\n");
    server.close();
    say(server.is_serving(), server.endpoints().size());
    ask(s, "after\n");
    say(error_of([&] { return net::open_connection(there); }));
    say(s.is_closing());
    s.close();
    say(s.is_closing());
    s.wait_closed();
    const auto nothing = s.read_all();
    say(nothing.size(), s.at_eof());
    const auto closed = error_of([&] {
      server.serve_forever();
      return 0;
    });
    say(closed);

    server = net::start_server(echo, anywhere);
    there = server.endpoints().front();
    const auto serving = async([&] { server.serve_forever(); });
    yield();
    const auto second = error_of([&] {
      server.serve_forever();
      return 0;
    });
    say(second);
    s = net::open_connection(there);
    ask(s, "served\n");
    s.write_eof();
    say(s.read_all().size());
    s.close();
    serving.cancel();
    const auto cancelled = error_of([&] { serving.await(); });
    say(cancelled, server.is_serving(), server.endpoints().size());
    say(error_of([&] { return net::open_connection(there); }));
  });
}
