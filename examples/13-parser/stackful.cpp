// SPDX-License-Identifier: BSL-1.0
// A parser that pulls its input, by plain calls, from a stream whose pieces are still to come.
#include <nakh/nakh.hpp>

#include <chrono>
#include <iostream>
#include <streambuf>
#include <string>

using namespace std::chrono_literals;

void say(const std::string& text) {
  static const auto start = nakh::clock::now();
  std::cout
      << std::chrono::round<std::chrono::seconds>(nakh::clock::now() - start).count()
      << " s: " << text << '\n';
}

// [main]
class arriving : public std::streambuf {
 public:
  explicit arriving(nakh::queue<std::string>& pieces) : pieces_(pieces) {}

 private:
  int_type underflow() override {
    piece_ = pieces_.get();  // waits, inside whatever std::istream does
    if (piece_.empty()) return traits_type::eof();
    setg(piece_.data(), piece_.data(), piece_.data() + piece_.size());
    return traits_type::to_int_type(piece_.front());
  }
  nakh::queue<std::string>& pieces_;
  std::string piece_;
};

int value(std::istream& in) {  // a number, or the sum of a list in parentheses
  int number = 0;
  if ((in >> std::ws).peek() != '(') {
    in >> number;
    return number;
  }
  in.get();
  while ((in >> std::ws).peek() != ')') number += value(in);
  in.get();
  return number;
}

void calculate(nakh::queue<std::string>& pieces) {
  say("listening");
  arriving buffer(pieces);
  std::istream in(&buffer);
  in.exceptions(
      std::ios::badbit |
      std::ios::failbit);  // bad: what the queue threw, a cancellation perhaps
  while (!(in >> std::ws).eof()) say("sum  " + std::to_string(value(in)));
}

void send(nakh::queue<std::string>& pieces) {
  for (const char* piece : {"(2 3", "4 (1 2", ")) (6", "7 1)"}) {
    nakh::sleep(1s);
    say(std::string("got  ") + piece);
    pieces.put(piece);
  }
  pieces.put("");
}

int main() {
  nakh::run([] {
    nakh::queue<std::string> pieces;
    nakh::gather([&] { calculate(pieces); }, [&] { send(pieces); });
  });
}
// [main]
