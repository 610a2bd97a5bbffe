// SPDX-License-Identifier: BSL-1.0
// What takes the place of a parser that pulls by plain calls: every function of it is a coroutine, and no std::istream helps.
#include <nakh/stackless.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <iostream>
#include <stdexcept>
#include <string>

using namespace std::chrono_literals;

void say(const std::string& text) {
  static const auto start = nakh::clock::now();
  std::cout
      << std::chrono::round<std::chrono::seconds>(nakh::clock::now() - start).count()
      << " s: " << text << '\n';
}

// [main]
namespace sl = nakh::stackless;

class input {
 public:
  explicit input(nakh::queue<std::string>& pieces) : pieces_(pieces) {}
  sl::task<char> peek() {
    if (at_ == piece_.size()) {
      piece_ = co_await sl::get(pieces_);
      at_ = 0;
    }
    co_return piece_[at_];  // the end: '\0'
  }
  sl::task<char> symbol() {  // the same behind spaces
    char next = co_await peek();
    for (; next == ' '; next = co_await peek()) skip();
    co_return next;
  }
  void skip() { ++at_; }

 private:
  nakh::queue<std::string>& pieces_;
  std::string piece_;
  std::size_t at_ = 0;
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

sl::task<int> value(input& in) {  // a number, or the sum of a list in parentheses
  int number = 0;
  char next = co_await in.symbol();
  if (next != '(') {  // in >> number cannot co_await
    if (!is_digit(next)) throw std::invalid_argument("this is no number");
    for (; is_digit(next); next = co_await in.peek()) {
      number = 10 * number + (next - '0');
      in.skip();
    }
    co_return number;
  }
  in.skip();
  while (co_await in.symbol() != ')') number += co_await value(in);
  in.skip();
  co_return number;
}

sl::task<> calculate(nakh::queue<std::string>& pieces) {
  say("listening");
  input in(pieces);
  while (co_await in.symbol() != '\0') {
    const int sum = co_await value(in);
    say("sum  " + std::to_string(sum));
  }
}

constexpr std::array pieces_to_send = {"(2 3", "4 (1 2", ")) (6", "7 1)", ""};

sl::task<> send(nakh::queue<std::string>& pieces) {
  for (const char* piece : pieces_to_send) {
    if (*piece != '\0') {
      co_await sl::sleep(1s);
      say(std::string("got  ") + piece);
    }
    co_await sl::put(pieces, piece);
  }
}

sl::task<> work() {
  nakh::queue<std::string> pieces;
  co_await sl::gather(calculate(pieces), send(pieces));
}

int main() { sl::run(work()); }
// [main]
