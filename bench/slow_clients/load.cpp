// SPDX-License-Identifier: BSL-1.0
// Good clients of an HTTP server, alone and then among slow ones: usage: load PORT GOOD SLOW SECONDS
// A good client asks for /hello over and over on one connection; a slow one sends a byte of its request every ten seconds.
// Prints: good requests a second alone, and among the slow; of the slow: how many were connected, how many the server has ended, and
// the longest and shortest time that one lasted, in seconds.
#include <nakh/nakh.hpp>
#include <nakh/net.hpp>

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

using namespace std::chrono_literals;

namespace {

struct counts {
  long requests = 0;
  int connected = 0;
  int ended = 0;
  double longest = 0;
  double shortest = 1e9;
};

double seconds(nakh::duration d) { return std::chrono::duration<double>(d).count(); }

void ask_for_ever(const nakh::net::endpoint& server, counts& c) {
  nakh::net::stream s = nakh::net::open_connection(server);
  for (;;) {
    s.write("GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n");
    const std::string head = s.read_until("\r\n\r\n");
    const std::string_view length = "Content-Length: ";
    const std::size_t at = head.find(length);
    if (!head.starts_with("HTTP/1.1 200") || at == head.npos) throw std::runtime_error("the server says: " + head);
    static_cast<void>(s.read_exactly(std::stoul(head.substr(at + length.size()))));
    ++c.requests;
  }
}

void dawdle(const nakh::net::endpoint& server, counts& c) {
  nakh::net::stream s = nakh::net::open_connection(server);
  const auto begun = nakh::clock::now();
  ++c.connected;
  const auto trickle = nakh::async({.stack_size = 16 * 1024}, [&s] {
    for (const char byte : std::string("GET /hello HTTP/1.1\r\nHost: localhost\r\n")) {
      s.write({&byte, 1});
      nakh::sleep(10s);
    }
  });
  try {
    while (!s.read(4096).empty()) continue;
  } catch (const std::system_error&) {  // ended all the same
  }
  trickle.cancel();
  const double lasted = seconds(nakh::clock::now() - begun);
  ++c.ended;
  c.longest = std::max(c.longest, lasted);
  c.shortest = std::min(c.shortest, lasted);
}

/// Good requests a second, over that time.
double measure(counts& c, double time) {
  const auto begun = nakh::clock::now();
  const long before = c.requests;
  nakh::sleep(std::chrono::duration_cast<nakh::duration>(std::chrono::duration<double>(time)));
  return static_cast<double>(c.requests - before) / seconds(nakh::clock::now() - begun);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fputs("usage: load PORT GOOD SLOW SECONDS\n", stderr);
    return 2;
  }
  rlimit descriptors{};
  ::getrlimit(RLIMIT_NOFILE, &descriptors);
  descriptors.rlim_cur = descriptors.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &descriptors);
  const nakh::net::endpoint server("127.0.0.1", static_cast<std::uint16_t>(std::atoi(argv[1])));
  const int good = std::atoi(argv[2]);
  const int slow = std::atoi(argv[3]);
  const double time = std::atof(argv[4]);
  nakh::run([&] {
    counts c;
    std::vector<nakh::task<>> all;
    for (int i = 0; i < good; ++i) all.push_back(nakh::async(ask_for_ever, server, std::ref(c)));
    nakh::sleep(500ms);
    const double alone = measure(c, time);
    for (int i = 0; i < slow; ++i) {
      all.push_back(nakh::async({.stack_size = 32 * 1024}, dawdle, server, std::ref(c)));
      if (i % 100 == 99) nakh::sleep(5ms);  // the server's backlog holds so many
    }
    while (c.connected < slow) nakh::sleep(10ms);
    const double among = measure(c, time);
    const auto patience = nakh::clock::now() + 60s;
    while (c.ended < slow && nakh::clock::now() < patience) nakh::sleep(100ms);
    std::printf("%.0f %.0f %d %d %.1f %.1f\n", alone, among, c.connected, c.ended, c.longest, c.shortest);
    for (auto& t : all) t.cancel();
    static_cast<void>(nakh::gather(nakh::return_exceptions, all));
  });
}
