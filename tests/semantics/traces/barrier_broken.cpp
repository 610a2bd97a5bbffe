// SPDX-License-Identifier: BSL-1.0
// Rows: T-bar-04 T-bar-05 T-bar-06 T-bar-07
#include "trace.hpp"

TRACE(barrier_broken) {
  run([] {
    barrier shared(3);
    const auto party = [&](const char* name) {
      try {
        shared.wait();
        say(name, "through", now());
      } catch (const broken_barrier_error&) {
        say(name, "broken", shared.broken(), now());
      } catch (const cancelled_error&) {
        say(name, "cancelled", shared.broken(), now());
        throw;
      }
    };
    auto a = async(party, "a");
    auto b = async(party, "b");
    sleep(1s);
    a.cancel();
    sleep(1s);
    say(shared.waiting(), shared.broken());
    shared.reset();
    b.await();
    say(shared.waiting(), shared.broken());
    auto c = async(party, "c");
    auto d = async(party, "d");
    sleep(1s);
    shared.abort();
    gather(c, d);
    const auto still = error_of([&] { return shared.wait(); });
    say(still, shared.broken());
    shared.reset();
    say(shared.broken());
    auto e = async(party, "e");
    auto f = async(party, "f");
    sleep(1s);
    const auto whole = error_of([&] { return shared.wait(); });
    say(whole);
    gather(e, f);
  });
}
