// SPDX-License-Identifier: BSL-1.0
// A TCP server that sends back each line, and three clients that use it at the same time.
#include <nakh/nakh.hpp>
#include <nakh/net.hpp>

#include <algorithm>
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
void echo(nakh::net::stream& s) {
  for (std::string line = s.read_line(); !line.empty(); line = s.read_line()) {
    s.write(upper(line));
    s.drain();
  }
}

std::string talk(const nakh::net::endpoint& server, const std::string& name) {
  nakh::net::stream s = nakh::net::open_connection(server);
  std::string answers;
  for (const char* word : {"hello", "and goodbye"}) {
    s.write(word + (", says " + name) + "\n");
    const std::string answer = s.read_line();
    answers += (answers.empty() ? "" : " / ") + answer.substr(0, answer.size() - 1);
  }
  return answers;
}

int main() {
  nakh::run([] {
    const nakh::net::server server = nakh::net::start_server(echo, "127.0.0.1", 0);
    const auto at = server.endpoints().front();
    const auto ask = [&](const char* name) {
      return nakh::async([&, name] { return talk(at, name); });
    };
    const auto [ava, bita, cyrus] = nakh::gather(ask("Ava"), ask("Bita"), ask("Cyrus"));
    std::cout << ava << '\n' << bita << '\n' << cyrus << '\n';
  });
}
// [main]
