// SPDX-License-Identifier: BSL-1.0
// This library: a coroutine a connection, streams.
#include <nakh/run.hpp>
#include <nakh/stackless.hpp>
#include <nakh/stackless/net.hpp>

#include <string>

#include "../serving/port.hpp"

namespace {

nakh::stackless::task<> echo(nakh::net::stream s) {
  for (;;) {
    const std::string bytes = co_await nakh::stackless::read(s, 4096);
    if (bytes.empty()) break;
    s.write(bytes);
    co_await nakh::stackless::drain(s);
  }
}

}  // namespace

int main() {
  nakh::run([] {
    nakh::net::server server = nakh::stackless::start_server(&echo, nakh::net::endpoint("127.0.0.1", 0), {.backlog = 1000});
    say_port(server.endpoints().front().port());
    server.serve_forever();
  });
}
