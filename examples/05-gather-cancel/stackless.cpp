// SPDX-License-Identifier: BSL-1.0
// A timeout around a gather cancels every job that has not finished.
#include <nakh/stackless.hpp>

#include <iostream>
#include <string>

using namespace std::chrono_literals;

// [cancel]
namespace sl = nakh::stackless;

sl::task<> pack(std::string what, nakh::delay time) {
  try {
    co_await sl::sleep(time);
    std::cout << what << " packed\n";
  } catch (const nakh::cancelled_error&) {
    std::cout << what << " put back\n";
    throw;  // a cancellation is passed on
  }
}

sl::task<> pack_all() {
  co_await sl::gather(pack("books", 1s), pack("lamp", 5s), pack("mirror", 9s));
}

sl::task<> pack_in_time() {
  try {
    co_await sl::wait_for(pack_all(), 2s);
  } catch (const nakh::timeout_error&) {
    std::cout << "out of time\n";
  }
}

int main() { sl::run(pack_in_time()); }
// [cancel]
