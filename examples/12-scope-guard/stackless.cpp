// SPDX-License-Identifier: BSL-1.0
// What takes the place of a destructor that would wait: a coroutine around the body, which waits on both ways out.
#include <nakh/stackless.hpp>

#include <chrono>
#include <exception>
#include <iostream>
#include <string>
#include <utility>

using namespace std::chrono_literals;

void say(const std::string& text) {
  static const auto start = nakh::clock::now();
  std::cout
      << std::chrono::round<std::chrono::seconds>(nakh::clock::now() - start).count()
      << " s: " << text << '\n';
}

// [main]
namespace sl = nakh::stackless;

sl::task<> with_lamp(
    sl::task<>
        body) {  // neither a constructor nor a destructor can co_await, nor can a catch
  co_await sl::sleep(1s);
  say("lamp lit");
  std::exception_ptr error;
  try {
    co_await std::move(body);
  } catch (...) {
    error = std::current_exception();
  }
  co_await sl::sleep(1s);
  say("lamp out");
  if (error) std::rethrow_exception(error);
}

sl::task<> read_chapter() {
  co_await sl::sleep(3s);
  say("chapter read");
}

sl::task<> evening() {
  say("good evening");
  co_await with_lamp(read_chapter());
  try {
    co_await sl::wait_for(with_lamp(read_chapter()), 2s);
  } catch (const nakh::timeout_error&) {
    say("asleep");  // once the lamp is out
  }
}

int main() { sl::run(evening()); }
// [main]
