// SPDX-License-Identifier: BSL-1.0
#include <nakh/pipeline.hpp>

#include "support/allocations.hpp"
#include "support/fixture.hpp"

#include <nakh/gather.hpp>
#include <nakh/task_group.hpp>
#include <nakh/timeout.hpp>

#include <algorithm>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace nakh;
using namespace nakh::test;
using namespace std::chrono_literals;

namespace {

/// 0, 1, ... n - 1; before each it waits for `pause`. Throws after the last one if `fails`.
generator<int> counter(int n, delay pause = 0s, bool fails = false) {
  return {[n, pause, fails](auto& yield) {
    for (int i = 0; i < n; ++i) {
      if (!pause.is_due()) sleep(pause);
      yield(i);
    }
    if (fails) throw std::runtime_error("source");
  }};
}

/// What comes out until the end, or until an error, whose name is last.
template <class T>
std::string all_of(generator<T> g) {
  trace items;
  const std::string end = caught([&] {
    for (auto&& i : g) items("", i);
  });
  if (end != "nothing") items(end);
  return items.take();
}

std::size_t tasks_alive() { return all_tasks().size(); }

}  // namespace

// --- The rows ---

TEST_CASE_FIXTURE(fixture, "T-pipe-01: cancelling the reader of a pull pipeline leaves nothing running") {
  run([&] {
    auto reader = async([&] {
      generator<int> source([&](auto& yield) {
        try {
          for (int i = 0;; ++i) {
            sleep(1s);
            yield(i);
          }
        } catch (...) {
          say("source-ends");
          throw;
        }
      });
      auto all = std::move(source) | filter([](int i) { return i % 2 == 0; }) | buffer(2) |
                 transform(
                     [&](int i) {
                       sleep(5s);
                       return i * 10;
                     },
                     {.concurrency = 3});
      for (int i : all) say("item", i);
    });
    sleep(13'500ms);
    CHECK(tasks_alive() > 2);
    reader.cancel();
    CHECK(caught([&] { reader.await(); }) == "cancelled_error");
    CHECK(say.take() == "item0 item20 item40 item60 source-ends");
    CHECK(tasks_alive() == 1);
    CHECK(get_running_loop().stacks().in_use == 1);
    CHECK(get_running_loop().pending_timers() == 0);
    CHECK(now() == 13'500);
  });
}

TEST_CASE_FIXTURE(fixture, "T-pipe-02: stages with queues of size 1 and an end mark: in order, a bounded look-ahead, all end") {
  run([&] {
    using items = queue<std::optional<int>>;
    items first(1);
    items second(1);
    int made = 0;
    int used = 0;
    int most_ahead = 0;
    gather(
        [&] {
          for (int i = 0; i < 10; ++i) {
            first.put(i);
            ++made;
            most_ahead = std::max(most_ahead, made - used);
          }
          first.put(std::nullopt);
        },
        [&] {
          while (const auto item = first.get()) second.put(2 * *item);
          second.put(std::nullopt);
        },
        [&] {
          while (const auto item = second.get()) {
            CHECK(*item == 2 * used);
            ++used;
            sleep(1s);
          }
        });
    CHECK(used == 10);
    CHECK(most_ahead <= 4);  // one in each queue, one in each stage's hands
    CHECK(first.empty());
    CHECK(second.empty());
  });
}

TEST_CASE_FIXTURE(fixture, "T-pipe-03: stages in a task group: one throws, all stop, and unread items stay in the queue") {
  run([&] {
    queue<int> line(3);
    const std::string error = caught([&] {
      task_group::run([&](task_group& g) {
        static_cast<void>(g.async([&] {
          for (int i = 0;; ++i) line.put(i);
        }));
        static_cast<void>(g.async([&] {
          for (;;) {
            const int item = line.get();
            sleep(1s);
            if (item == 2) throw std::runtime_error("broken");
          }
        }));
      });
    });
    CHECK(error.find("broken") != std::string::npos);
    CHECK(tasks_alive() == 1);
    CHECK(line.size() == 3);
    CHECK(line.get() == 3);
  });
}

// --- filter and transform ---

TEST_CASE_FIXTURE(fixture, "pipeline: filter and transform, as functions and from left to right") {
  run([&] {
    const auto odd = [](int i) { return i % 2 == 1; };
    const auto word = [](int i) { return std::string(static_cast<std::size_t>(i), 'x'); };
    CHECK(all_of(filter(counter(6), odd)) == "1 3 5");
    std::string words;
    for (const std::string& w : counter(6) | filter(odd) | transform(word)) words += w + " ";
    CHECK(words == "x xxx xxxxx ");
    CHECK(all_of(transform(counter(3), [](int i) { return -i; })) == "0 -1 -2");
    CHECK(all_of(transform(counter(0), [](int i) { return i; }, {.concurrency = 2})).empty());
    CHECK(caught([] { static_cast<void>(transform(counter(1), [](int i) { return i; }, {.concurrency = 0})); }) == "invalid_argument");
    CHECK(caught([] { static_cast<void>(buffer(counter(1), 0)); }) == "invalid_argument");
  });
}

TEST_CASE_FIXTURE(fixture, "pipeline: references go through as such, move-only items are moved") {
  run([&] {
    std::vector<std::string> words = {"a", "b", "c"};
    const auto each = [&]() -> generator<std::string&> {
      return {[&words](auto& yield) {
        for (auto& w : words) yield(w);
      }};
    };
    for (std::string& w : each() | filter([](const std::string& w) { return w != "b"; }) | buffer(1)) w += "!";
    CHECK(words == std::vector<std::string>{"a!", "b", "c!"});
    for (std::string& w : merge(each(), each()) | transform([](std::string& s) -> std::string& { return s; }, {.concurrency = 2})) w += "?";
    CHECK(words == std::vector<std::string>{"a!??", "b??", "c!??"});

    generator<std::unique_ptr<int>> boxes([](auto& yield) {
      for (int i = 0; i < 4; ++i) yield(std::make_unique<int>(i));
    });
    auto unpacked = merge(std::move(boxes) | buffer(2)) | filter([](const std::unique_ptr<int>& b) { return *b != 1; }) |
                    transform([](std::unique_ptr<int> b) { return b; }, {.concurrency = 2}) |
                    transform([](std::unique_ptr<int> b) { return *b; });
    CHECK(all_of(std::move(unpacked)) == "0 2 3");
  });
}

TEST_CASE_FIXTURE(fixture, "pipeline: transform keeps the order and the limit, and the source is not far ahead") {
  run([&] {
    int now_running = 0;
    int most = 0;
    int pulled = 0;
    generator<int> source([&](auto& yield) {
      for (int i = 0; i < 9; ++i) {
        ++pulled;
        yield(i);
      }
    });
    auto all = transform(std::move(source),
                         [&](int i) {
                           most = std::max(most, ++now_running);
                           sleep(std::chrono::seconds(i % 3 == 0 ? 3 : 1));
                           --now_running;
                           return i;
                         },
                         {.concurrency = 3});
    for (int expected = 0; expected < 9; ++expected) {
      CHECK(all.next() == expected);
      CHECK(pulled <= expected + 4);
    }
    CHECK(all.next() == std::nullopt);
    CHECK(most == 3);
    CHECK(now() == 9000);
    CHECK(tasks_alive() == 1);
  });
}

TEST_CASE_FIXTURE(fixture, "pipeline: a slow source does not hold results back that are there") {
  run([&] {
    auto all = transform(counter(3, 10s), [](int i) { return i; }, {.concurrency = 3});
    CHECK(all.next() == 0);
    CHECK(now() == 10'000);
    CHECK(all.next() == 1);
    CHECK(now() == 20'000);
  });
}

// --- buffer and merge ---

TEST_CASE_FIXTURE(fixture, "pipeline: buffer runs the source ahead, so many items and no more") {
  run([&] {
    int made = 0;
    generator<int> source([&](auto& yield) {
      for (;;) yield(made++);
    });
    auto all = buffer(std::move(source), 3);
    CHECK(made == 0);
    CHECK(all.next() == 0);
    give_up_passes(10);
    CHECK(made == 4);
    CHECK(all.next() == 1);
    give_up_passes(10);
    CHECK(made == 5);
  });
}

TEST_CASE_FIXTURE(fixture, "pipeline: merge gives items as they come, and ends when all sources have") {
  run([&] {
    std::vector<generator<int>> sources;
    sources.push_back(counter(3, 2s));
    sources.push_back(counter(2, 5s));
    sources.push_back(counter(0));
    CHECK(all_of(merge(std::move(sources))) == "0 1 0 2 1");
    CHECK(now() == 10'000);
    CHECK(all_of(merge(std::vector<generator<int>>())).empty());
    CHECK(tasks_alive() == 1);
  });
}

// --- Errors ---

TEST_CASE_FIXTURE(fixture, "pipeline: an error of the source comes after the items before it, and all stops") {
  run([&] {
    const auto same = [](int i) { return i; };
    CHECK(all_of(filter(counter(2, 0s, true), [](int) { return true; })) == "0 1 source");
    CHECK(all_of(transform(counter(2, 0s, true), same)) == "0 1 source");
    CHECK(all_of(transform(counter(2, 0s, true), same, {.concurrency = 4})) == "0 1 source");
    CHECK(all_of(buffer(counter(2, 0s, true), 5)) == "0 1 source");
    CHECK(all_of(merge(counter(2, 1s, true), counter(9, 10s))) == "0 1 source");
    CHECK(all_of(counter(5, 1s, true) | buffer(1) | transform(same, {.concurrency = 2}) | buffer(3)) == "0 1 2 3 4 source");
    CHECK(tasks_alive() == 1);
    CHECK(get_running_loop().stacks().in_use == 1);
    CHECK(get_running_loop().pending_timers() == 0);
  });
}

TEST_CASE_FIXTURE(fixture, "pipeline: an error of a function comes in its item's place, and the other calls are cancelled") {
  run([&] {
    const auto f = [&](int i) {
      if (i == 2) throw std::runtime_error("two");
      try {
        sleep(std::chrono::seconds(i < 2 ? 3 : 100));
      } catch (const cancelled_error&) {
        say("cancelled", i);
        throw;
      }
      return i;
    };
    CHECK(all_of(transform(counter(9), f, {.concurrency = 4})) == "0 1 two");
    CHECK(say.take() == "cancelled3");
    CHECK(tasks_alive() == 1);
    CHECK(all_of(filter(counter(9), [](int i) { return i < 2 ? true : throw std::runtime_error("bad"); })) == "0 1 bad");
  });
}

TEST_CASE_FIXTURE(fixture, "pipeline: a source that is cancelled from outside hands that on; a fatal error ends all") {
  run([&] {
    future<int> never;
    generator<int> source([&](auto& yield) {
      yield(1);
      yield(never.await());
    });
    never.cancel();
    CHECK(all_of(buffer(std::move(source), 2)) == "1 cancelled_error");
  });
  runner r(run_options{.clock = &clock, .loop = {}, .loop_factory = {}});
  watch(r.get_loop());
  CHECK(caught([&] {
          r.run([] {
            generator<int> source([](auto&) { throw system_exit(3); });
            for (int i : std::move(source) | buffer(2)) FAIL("an item: " << i);
          });
        }) == "system_exit(3)");
  r.close();
}

// --- Closing ---

TEST_CASE_FIXTURE(fixture, "pipeline: closed early, each stage ends with its tasks, the source last") {
  run([&] {
    generator<int> source([&](auto& yield) {
      try {
        for (int i = 0;; ++i) {
          sleep(1s);
          yield(i);
        }
      } catch (const cancelled_error&) {
        say("source-cancelled");
        throw;
      } catch (const generator_exit&) {
        say("source-closed");
        throw;
      }
    });
    SUBCASE("pulled") {
      auto all = std::move(source) | filter([](int) { return true; });
      CHECK(all.next() == 0);
      all.close();
      CHECK(say.take() == "source-closed");
    }
    SUBCASE("by a task that waits in it") {
      auto all = std::move(source) | buffer(2);
      CHECK(all.next() == 0);
      yield();
      all.close();
      CHECK(say.take() == "source-cancelled");
    }
    SUBCASE("by a task that waits for room") {
      auto all = std::move(source) | buffer(2);
      CHECK(all.next() == 0);
      sleep(1h);
      all.close();
      CHECK(say.take() == "source-closed");
    }
    SUBCASE("left over") {
      auto all = std::move(source) | buffer(2) | transform([](int i) { return i; }, {.concurrency = 2});
      CHECK(all.next() == 0);
      get_running_loop().shutdown_generators();
      static_cast<void>(say.take());
      CHECK(all.next() == std::nullopt);
    }
    CHECK(tasks_alive() == 1);
    CHECK(get_running_loop().stacks().in_use == 1);
  });
}

TEST_CASE_FIXTURE(fixture, "pipeline: what a helper does when it is cancelled is waited for, whatever else arrives") {
  run([&] {
    auto reader = async([&] {
      auto all = transform(counter(9),
                           [&](int i) {
                             try {
                               sleep(i == 0 ? 1s : 100s);
                             } catch (const cancelled_error&) {
                               sleep(5s);
                               say("cleaned");
                               throw;
                             }
                             return i;
                           },
                           {.concurrency = 2});
      CHECK(all.next() == 0);
      throw std::runtime_error("reader");
    });
    sleep(2s);
    reader.cancel();
    sleep(1s);
    reader.cancel();
    const std::string end = caught([&] { reader.await(); });
    CHECK(end == "reader");
    CHECK(now() == 6000);
    CHECK(say.take() == "cleaned");
    CHECK(tasks_alive() == 1);
  });
}

TEST_CASE_FIXTURE(fixture, "pipeline: with a time limit around it") {
  run([&] {
    auto all = counter(100, 1s) | buffer(4);
    CHECK(caught([&] {
            timeout(3500ms, [&](timeout_scope&) {
              for (int i : all) say("item", i);
            });
          }) == "timeout_error");
    CHECK(say.take() == "item0 item1 item2");
    CHECK(tasks_alive() == 1);
  });
}

// --- No memory ---

TEST_CASE_FIXTURE(fixture, "pipeline: whichever allocation fails, all ends and nothing is left") {
  if (!allocations_are_ours()) return;
  run([&] {
    const auto make = [] {
      return merge(counter(4) | buffer(2) | transform([](int i) { return i; }, {.concurrency = 2}),
                   counter(3) | filter([](int) { return true; }));
    };
    CHECK(all_of(make()).size() == 13);
    bool whole = false;
    for (long k = 0; !whole && k < 500; ++k) {
      std::string end;
      int items = 0;
      allocator.left = k;
      try {
        auto all = make();
        for (int i : all) items += i >= 0 ? 1 : 0;
        whole = allocator.left >= 0;
        allocator.left = -1;
        end = "well";
      } catch (const std::bad_alloc&) {
        allocator.left = -1;
        end = "bad_alloc";
      } catch (const stack_exhausted&) {
        allocator.left = -1;
        end = "no stack";
      }
      CHECK_MESSAGE(end != "", "at " << k);
      CHECK_MESSAGE((items == 7 || end != "well"), "at " << k);
      CHECK_MESSAGE(tasks_alive() == 1, "at " << k);
      CHECK_MESSAGE(get_running_loop().stacks().in_use == 1, "at " << k);
    }
    CHECK(whole);
  });
}
