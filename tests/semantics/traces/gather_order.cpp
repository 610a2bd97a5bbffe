// SPDX-License-Identifier: BSL-1.0
// Rows: T-gather-01 T-gather-02 T-gather-03 T-gather-04
#include "trace.hpp"

TRACE(gather_order) {
  auto job = [](std::string name, int seconds) {
    sleep(std::chrono::seconds(seconds));
    say(name, "ends", now());
    return name;
  };
  run([job] {
    get_running_loop().call_later(2s, [at = now()] { say("tick", at); });
    auto shared = async(job, "shared", 2);
    const auto [a, first, b, second] = gather([job] { return job("a", 3); }, shared, [job] { return job("b", 1); }, shared);
    say(a, first, b, second);
    say(std::tuple_size_v<decltype(gather())>, now());
    gather();
    auto done = get_running_loop().create_future<std::string>();
    done.set_result("done");
    const auto [d, c] = gather(done, [job] { return job("c", 1); });
    say(d, c);
  });
}
