// SPDX-License-Identifier: BSL-1.0
// This library: a fiber a connection, streams.
#include <nakh/net.hpp>
#include <nakh/run.hpp>

#include <array>
#include <cstdio>
#include <span>

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
    std::printf("%d\n", server.endpoints().front().port());
    std::fflush(stdout);
    server.serve_forever();
  });
}
