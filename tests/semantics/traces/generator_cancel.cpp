// SPDX-License-Identifier: BSL-1.0
// Rows: T-agen-08
#include "trace.hpp"

TRACE(generator_cancel) {
  const auto ticks = []() -> generator<int> {
    return {[](auto& yield) {
      try {
        for (int i = 0;; ++i) {
          sleep(1s);
          yield(i);
        }
      } catch (const cancelled_error&) {
        say("inside", now());
        sleep(2s);
        say("clean", now());
        throw;
      } catch (const generator_exit&) {
        say("exit", now());
        throw;
      }
    }};
  };
  const auto reader = [](generator<int>& g, int pause) {
    for (int i : g) {
      say("item", i, now());
      sleep(std::chrono::seconds(pause));
    }
  };
  run([&] {
    auto g = ticks();
    auto task = async(reader, std::ref(g), 0);
    sleep(2500ms);
    task.cancel();
    std::string error = error_of([&] { task.await(); });
    say(error, now());
    say(g.next() ? "something" : "nothing");

    g = ticks();
    task = async(reader, std::ref(g), 100);
    sleep(2500ms);
    task.cancel();
    error = error_of([&] { task.await(); });
    say(error, now());
    const int item = *g.next();
    say(item, now());
    g.close();
    say(g.next() ? "something" : "nothing");

    // Cancelled while it closes.
    g = ticks();
    say(*g.next());
    task = async(reader, std::ref(g), 0);
    sleep(500ms);
    say(error_of([&] { g.close(); }));
    task.cancel();
    sleep(1s);
    task.cancel();
    error = error_of([&] { task.await(); });
    say(error, now());
  });
}
