// SPDX-License-Identifier: BSL-1.0
// Work that must not stop halfway goes on in a shield; a request that was met is given back with uncancel.
#include <nakh/nakh.hpp>

#include <chrono>
#include <iostream>

using namespace std::chrono_literals;

// [main]
int save() {
  nakh::sleep(3s);
  std::cout << "saved\n";
  return 7;
}

void worker() {
  const auto saving = nakh::async(save);
  try {
    nakh::await(nakh::shield(saving));
  } catch (const nakh::cancelled_error&) {
    std::cout << "asked to stop, " << nakh::current_task().cancelling()
              << " request open\n";
    const int pages = nakh::await(saving);  // the save itself was not cancelled
    std::cout << pages << " pages, " << nakh::current_task().uncancel()
              << " requests left\n";
  }
  nakh::sleep(1s);  // not interrupted
  std::cout << "at the end\n";
}

int main() {
  nakh::run([] {
    const auto work = nakh::async(worker);
    nakh::sleep(1s);
    work.cancel();
    nakh::await(work);
    std::cout << (work.cancelled() ? "cancelled" : "ended normally") << '\n';
  });
}
// [main]
