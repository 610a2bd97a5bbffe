// SPDX-License-Identifier: BSL-1.0
// A TCP server that sends back each line, and three clients that use it at the same time.
#include <nakh/stackless.hpp>
#include <nakh/stackless/net.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <iostream>
#include <string>

std::string upper(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) {
    return static_cast<char>(std::toupper(c));
  });
  return text;
}

// [main]
namespace sl = nakh::stackless;

sl::task<> echo(nakh::net::stream s) {
  for (std::string line = co_await sl::read_line(s); !line.empty();
       line = co_await sl::read_line(s)) {
    s.write(upper(line));
    co_await sl::drain(s);
  }
}

sl::task<std::string> talk(nakh::net::endpoint server, std::string name) {
  nakh::net::stream s = co_await sl::open_connection(server);
  std::string answers;
  const std::array<const char*, 2> words{"hello", "and goodbye"};
  for (const char* word : words) {
    s.write(word + (", says " + name) + "\n");
    const std::string answer = co_await sl::read_line(s);
    answers += (answers.empty() ? "" : " / ") + answer.substr(0, answer.size() - 1);
  }
  co_return answers;
}

sl::task<> start() {
  const nakh::net::server server =
      sl::start_server(echo, nakh::net::endpoint("127.0.0.1", 0));
  const auto at = server.endpoints().front();
  const auto [ava, bita, cyrus] =
      co_await sl::gather(talk(at, "Ava"), talk(at, "Bita"), talk(at, "Cyrus"));
  std::cout << ava << '\n' << bita << '\n' << cyrus << '\n';
}

int main() { nakh::run(start()); }
// [main]
