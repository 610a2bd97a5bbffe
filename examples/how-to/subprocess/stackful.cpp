// SPDX-License-Identifier: BSL-1.0
// Two programs of the system run at the same time, fed and read by this one; a third one is too slow.
#include <nakh/nakh.hpp>
#include <nakh/subprocess.hpp>

#include <chrono>
#include <iostream>
#include <string>

using namespace std::chrono_literals;

// [main]
std::string through(const std::string& command, const std::string& input) {
  nakh::subprocess child = nakh::create_subprocess_shell(
      command,
      {.standard_input = nakh::stdio::pipe, .standard_output = nakh::stdio::pipe});
  return child.communicate(input).output;
}

int main() {
  nakh::run([] {
    const auto [sorted, counted] =
        nakh::gather([] { return through("sort", "tea\nbread\n"); },  //
                     [] { return through("wc -c", "saffron\n"); });
    std::cout << sorted << "bytes: " << counted;
    nakh::subprocess slow = nakh::create_subprocess({"sleep", "1000"});
    try {
      nakh::wait_for([&] { slow.wait(); }, 50ms);
    } catch (const nakh::timeout_error&) {
      slow.terminate();
      std::cout << "ended by signal " << -slow.wait() << '\n';
    }
  });
}
// [main]
