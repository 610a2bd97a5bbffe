// SPDX-License-Identifier: BSL-1.0
// This library: a fiber a connection, streams.
#include <nakh/net.hpp>
#include <nakh/run.hpp>

#include <array>
#include <span>

#include "../serving/port.hpp"

int main() {
  nakh::run([] {
    nakh::net::server server = nakh::net::start_server(
        [](nakh::net::stream& s) {
          std::array<char, 4096> bytes;
          while (const std::size_t n = s.read(std::span(bytes))) {
            s.write({bytes.data(), n});
            s.drain();
          }
        },
        "127.0.0.1", 0, {.backlog = 1000});
    say_port(server.endpoints().front().port());
    server.serve_forever();
  });
}
