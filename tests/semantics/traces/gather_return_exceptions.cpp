// SPDX-License-Identifier: BSL-1.0
// Rows: T-gather-09 T-gather-10
#include "trace.hpp"

TRACE(gather_return_exceptions) {
  run([] {
    const auto job = [](int seconds, bool fails) {
      sleep(std::chrono::seconds(seconds));
      if (fails) throw std::invalid_argument("x");
      return seconds;
    };
    auto victim = async(job, 9, false);
    get_running_loop().call_later(2s, [victim] { victim.cancel(); });
    const auto [a, b, c] = gather(return_exceptions, [job] { return job(3, false); }, [job] { return job(1, true); }, victim);
    say(a.value(), error_name(b.error()), error_name(c.error()), now());
  });
}
