// SPDX-License-Identifier: BSL-1.0
// A parser that pulls its input, by plain calls, from a stream whose pieces are still to come.
#include <boost/fiber/all.hpp>

#include <chrono>
#include <iostream>
#include <streambuf>
#include <string>

using namespace std::chrono_literals;

constexpr std::chrono::nanoseconds second = 100ms;  // here time is always real

void say(const std::string& text) {
  static const auto start = std::chrono::steady_clock::now();
  std::cout << (std::chrono::steady_clock::now() - start) / second << " s: " << text
            << '\n';
}

// [main]
using channel = boost::fibers::buffered_channel<std::string>;

class arriving : public std::streambuf {
 public:
  explicit arriving(channel& pieces) : pieces_(pieces) {}

 private:
  int_type underflow() override {
    if (pieces_.pop(piece_) != boost::fibers::channel_op_status::success)
      return traits_type::eof();
    setg(piece_.data(), piece_.data(), piece_.data() + piece_.size());
    return traits_type::to_int_type(piece_.front());
  }
  channel& pieces_;
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

void calculate(channel& pieces) {
  say("listening");
  arriving buffer(pieces);
  std::istream in(&buffer);
  in.exceptions(std::ios::badbit | std::ios::failbit);
  while (!(in >> std::ws).eof()) say("sum  " + std::to_string(value(in)));
}

void send(channel& pieces) {
  for (const char* piece : {"(2 3", "4 (1 2", ")) (6", "7 1)"}) {
    boost::this_fiber::sleep_for(second);
    say(std::string("got  ") + piece);
    pieces.push(piece);
  }
  pieces.close();
}

int main() {
  channel pieces(4);
  boost::fibers::fiber calculates([&] { calculate(pieces); });
  boost::fibers::fiber sends([&] { send(pieces); });
  calculates.join();
  sends.join();
}
// [main]
