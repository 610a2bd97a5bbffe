// SPDX-License-Identifier: BSL-1.0
// Scenarios over generators and pipelines, in every order and with a cancellation at each suspension.
#include "support/scenarios.hpp"

#include <nakh/mutex.hpp>
#include <nakh/pipeline.hpp>
#include <nakh/timeout.hpp>

#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

using namespace nakh;
using namespace nakh::test;
using namespace std::chrono_literals;

namespace {

/// A source that notes whether its body is at work.
struct watched : world {
  int open = 0;  ///< Bodies that have begun and not ended.
  int made = 0;
  std::vector<int> got;

  generator<int> numbers(int n, bool fails = false) {
    return {[this, n, fails](auto& yield) {
      struct count {
        int& number;
        explicit count(int& c) : number(c) { ++number; }
        ~count() { --number; }
        count(const count&) = delete;
        count& operator=(const count&) = delete;
      } const one(open);
      struct slow_end {
        ~slow_end() noexcept(false) { nakh::yield(); }
      } const then;
      for (int i = 0; i < n; ++i) {
        if (i % 2 == 0) sleep(1ms);
        ++made;
        yield(i);
      }
      if (fails) throw std::runtime_error("source");
    }};
  }
  void check_closed() const { must(open == 0, "a source's body has not ended"); }
  void check_order() const {
    for (std::size_t i = 0; i < got.size(); ++i) must(got[i] == static_cast<int>(i), "out of order");
  }
};

void check_all(watched& w) {
  w.check_closed();
  w.check_order();
}

}  // namespace

TEST_CASE_FIXTURE(fixture, "explore generator: whoever leaves it, its body ends, and what it has taken is given back") {
  struct locked : watched {
    mutex m;
  };
  put_to_test<locked>(
      {},
      [](locked& w) {
        generator<int> g([&w](auto& yield) {
          const std::scoped_lock guard(w.m);
          for (int i : w.numbers(4)) {
            nakh::yield();
            yield(i);
          }
        });
        for (int i : g) {
          w.got.push_back(i);
          sleep(1ms);
        }
        must(w.got.size() == 4, "an item is missing");
      },
      [](locked& w) {
        check_all(w);
        must(!w.m.locked(), "the lock is not given back");
      });
}

TEST_CASE_FIXTURE(fixture, "explore generator: tasks that take turns with one get each item once") {
  struct shared : watched {
    mutex m;
    std::optional<generator<int>> g;
  };
  put_to_test<shared>(
      {.cancel_each = true},
      [](shared& w) {
        w.g.emplace([](auto& yield) {
          for (int i = 0;; ++i) {
            nakh::yield();
            yield(i);
          }
        });
        const auto reader = [&w] {
          for (int n = 0; n < 3; ++n) {
            const std::scoped_lock guard(w.m);
            if (const auto item = w.g->next()) w.got.push_back(*item);
          }
        };
        together(reader, reader);
      },
      [](shared& w) {
        w.check_order();
        if (!w.g) return;  // cancelled before it had begun
        w.g->close();
        must(w.g->next() == std::nullopt, "it goes on after its end");
      });
}

TEST_CASE_FIXTURE(fixture, "explore generator: close waits for the cleanup, or is cancelled in it") {
  put_to_test<watched>(
      {},
      [](watched& w) {
        generator<int> outer([&w](auto& yield) {
          generator<int> inner = w.numbers(9);
          try {
            for (int i : inner) yield(i);
          } catch (const generator_exit&) {
            sleep(2ms);
            inner.close();
            throw;
          }
        });
        for (int i = 0; i < 3; ++i) w.got.push_back(*outer.next());
        outer.close();
        must(w.open == 0, "close came back too early");
      },
      check_all);
}

TEST_CASE_FIXTURE(fixture, "explore generator: a time limit around a reader") {
  put_to_test<watched>(
      {},
      [](watched& w) {
        generator<int> g = w.numbers(100);
        try {
          timeout(5ms, [&](timeout_scope&) {
            for (int i : g) w.got.push_back(i);
          });
          must(false, "it ended in time");
        } catch (const timeout_error&) {
        }
        must(!g.next(), "it goes on after it was cancelled");
      },
      check_all);
}

TEST_CASE_FIXTURE(fixture, "explore generator: closed by its loop while its owner drops it") {
  put_to_test<watched>(
      {},
      [](watched& w) {
        auto g = std::make_unique<generator<int>>(w.numbers(9));
        w.got.push_back(*g->next());
        together(
            [&g] {
              nakh::yield();
              g.reset();
            },
            [] {
              nakh::yield();
              get_running_loop().shutdown_generators();
            });
      },
      [](watched& w) { w.check_closed(); });
}

TEST_CASE_FIXTURE(fixture, "explore pipeline: transform with several at a time gives all, in order") {
  put_to_test<watched>(
      {},
      [](watched& w) {
        auto all = w.numbers(6) | transform(
                                      [](int i) {
                                        if (i % 3 == 0) sleep(2ms);
                                        nakh::yield();
                                        return i;
                                      },
                                      {.concurrency = 3});
        for (int i : all) {
          w.got.push_back(i);
          must(w.made <= static_cast<int>(w.got.size()) + 3, "the source is too far ahead");
        }
        must(w.got.size() == 6, "an item is missing");
      },
      check_all);
}

TEST_CASE_FIXTURE(fixture, "explore pipeline: a buffer gives all, in order, and is closed early") {
  put_to_test<watched>(
      {},
      [](watched& w) {
        auto all = w.numbers(5) | buffer(2);
        for (int i : all) {
          w.got.push_back(i);
          must(w.made <= static_cast<int>(w.got.size()) + 2, "the source is too far ahead");
          nakh::yield();
        }
        must(w.got.size() == 5, "an item is missing");
        auto more = w.numbers(5) | filter([](int i) { return i > 0; }) | buffer(1);
        must(more.next() == 1, "not the first one");
        more.close();
        w.check_closed();
      },
      check_all);
}

TEST_CASE_FIXTURE(fixture, "explore pipeline: merge gives all, each source's in order") {
  put_to_test<watched>(
      {},
      [](watched& w) {
        int next[2] = {};
        auto tagged = [&w](int tag) { return w.numbers(3) | transform([tag](int i) { return 10 * tag + i; }); };
        for (int i : merge(tagged(0), tagged(1))) must(i % 10 == next[i / 10]++, "out of order");
        must(next[0] == 3 && next[1] == 3, "an item is missing");
      },
      [](watched& w) { w.check_closed(); });
}

TEST_CASE_FIXTURE(fixture, "explore pipeline: an error of the source or of a function comes last, and stops all") {
  put_to_test<watched>(
      {},
      [](watched& w) {
        const auto read = [&w](generator<int> all) {
          w.got.clear();
          try {
            for (int i : all) w.got.push_back(i);
            must(false, "it ended well");
          } catch (const std::runtime_error&) {
          }
        };
        read(w.numbers(3, true) | buffer(1) | transform([](int i) { return i; }, {.concurrency = 2}));
        must(w.got.size() == 3, "an item before the error is missing");
        w.check_closed();
        read(w.numbers(5) | transform(
                                [](int i) {
                                  nakh::yield();
                                  return i != 2 ? i : throw std::runtime_error("function");
                                },
                                {.concurrency = 3}));
        must(w.got.size() == 2, "not the items before the error");
        w.check_closed();
      },
      check_all);
}

TEST_CASE_FIXTURE(fixture, "explore generator: dropped while an exception is on its way, its cleanup waits") {
  put_to_test<watched>(
      {},
      [](watched& w) {
        try {
          auto all = w.numbers(9) | buffer(2);
          w.got.push_back(*all.next());
          throw std::runtime_error("reader");
        } catch (const std::runtime_error&) {
        }
        w.check_closed();
      },
      check_all);
}
