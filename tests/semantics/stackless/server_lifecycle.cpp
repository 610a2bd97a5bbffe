// SPDX-License-Identifier: BSL-1.0
// Rows: T-srv-02 T-srv-03 T-str-09 T-str-10
#include <nakh/stackless/net.hpp>

#include "stackless_trace.hpp"

namespace trace::server_lifecycle {

sl::task<> echo(net::stream s) {
  for (;;) {
    const auto line = co_await sl::read_line(s);
    if (line.empty()) break;
    s.write(line);
  }
}

sl::task<> ask(net::stream& s, const char* line) {
  s.write(line);
  auto answer = co_await sl::read_line(s);
  answer.pop_back();
  say(answer);
}

sl::task<> program() {
  const net::endpoint anywhere("127.0.0.1", 0);
  net::server server = sl::start_server(&echo, anywhere, {.start_serving = false});
  net::endpoint there = server.endpoints().front();
  say(server.is_serving(), server.endpoints().size());
  server.start_serving();
  say(server.is_serving());
  net::stream s = co_await sl::open_connection(there);
  co_await ask(s, "before\n");
  server.close();
  say(server.is_serving(), server.endpoints().size());
  co_await ask(s, "after\n");
  auto refused = co_await thrown_by(sl::open_connection(there));
  say(refused);
  say(s.is_closing());
  s.close();
  say(s.is_closing());
  co_await sl::wait_closed(s);
  const auto nothing = co_await sl::read_all(s);
  say(nothing.size(), s.at_eof());
  const auto closed = co_await thrown_by(sl::serve_forever(server));
  say(closed);

  server = sl::start_server(&echo, anywhere);
  there = server.endpoints().front();
  const auto serving = sl::spawn(sl::serve_forever(server));
  co_await sl::yield();
  co_await sl::yield();  // it serves in a fiber of its own
  const auto second = co_await thrown_by(sl::serve_forever(server));
  say(second);
  s = co_await sl::open_connection(there);
  co_await ask(s, "served\n");
  s.write_eof();
  const auto rest = co_await sl::read_all(s);
  say(rest.size());
  s.close();
  serving.cancel();
  const auto cancelled = co_await thrown_by(serving);
  say(cancelled, server.is_serving(), server.endpoints().size());
  refused = co_await thrown_by(sl::open_connection(there));
  say(refused);
}

}  // namespace trace::server_lifecycle

TRACE(server_lifecycle) { sl::run(trace::server_lifecycle::program()); }
