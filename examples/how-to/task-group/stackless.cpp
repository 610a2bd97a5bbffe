// SPDX-License-Identifier: BSL-1.0
// A group of tasks ends as a whole: when one member fails, the others are cancelled, and nobody is left behind.
#include <nakh/nakh.hpp>
#include <nakh/stackless.hpp>

#include <chrono>
#include <iostream>
#include <stdexcept>
#include <string>

using namespace std::chrono_literals;

// [main]
namespace sl = nakh::stackless;

sl::task<> dig(std::string name, nakh::delay time, bool breaks) {
  try {
    co_await sl::sleep(time);
    if (breaks) throw std::runtime_error(name + ": the spade broke");
    std::cout << name << ": done\n";
  } catch (const nakh::cancelled_error&) {
    std::cout << name << ": puts the spade away\n";
    throw;
  }
}

sl::task<> dig_together(nakh::task_group& group) {
  group.async(dig("Ava", 1s, false));
  group.async(dig("Bita", 2s, true));
  group.async(dig("Cyrus", 3s, false));
  co_return;
}

sl::task<> start() {
  try {
    co_await sl::task_group::run(dig_together);
  } catch (const nakh::exception_group& errors) {
    errors.handle<std::runtime_error>([](const nakh::exception_group& broken) {
      for (const auto& error : broken.errors())
        std::cout << nakh::describe(error) << '\n';
    });
  }
  std::cout << "tasks left: " << nakh::all_tasks().size() - 1 << '\n';
}

int main() { nakh::run(start()); }
// [main]
