// SPDX-License-Identifier: BSL-1.0
#include "timer_queue.hpp"

#include "sanitizers.hpp"
#include "support/allocations.hpp"
#include "support/fixture.hpp"
#include "support/in_valgrind.hpp"

#include <nakh/detail/ready.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <new>
#include <random>
#include <utility>
#include <vector>

using namespace nakh;
using namespace nakh::test;
using detail::timer;
using detail::timer_queue;

namespace {

time_point at(long long ns) { return time_point(duration(ns)); }

/// A timer with a number to tell it by.
struct alarm : detail::ready_node {
  explicit alarm(int n) : ready_node(detail::ready_kind::hook), number(n) {}
  int number;
  timer clock{*this};
};

int number_of(const timer& t) { return static_cast<const alarm&>(*t.fire).number; }

/// So many timers, numbered from 0; none is armed.
class alarms {
 public:
  explicit alarms(int count) {
    for (int i = 0; i < count; ++i) all_.emplace_back(i);
  }
  timer& operator[](int number) { return all_[static_cast<std::size_t>(number)].clock; }
  [[nodiscard]] auto armed() const {
    return std::count_if(all_.begin(), all_.end(), [](const alarm& a) { return a.clock.is_armed(); });
  }

 private:
  std::deque<alarm> all_;
};

std::vector<int> pop_due(timer_queue& queue, time_point now) {
  std::vector<int> fired;
  queue.pop_due(now, [&fired](timer& t) {
    CHECK_FALSE(t.is_armed());
    fired.push_back(number_of(t));
  });
  return fired;
}
std::vector<int> pop_all(timer_queue& queue) { return pop_due(queue, time_point::max()); }

/// first, first + 1, ... so many.
std::vector<int> numbers(int first, int count) {
  std::vector<int> all;
  for (int i = 0; i < count; ++i) all.push_back(first + i);
  return all;
}

/// What the queue is held to: a sorted map.
class model {
 public:
  void add(int number, time_point deadline) { places_[number] = queue_.emplace(std::pair(deadline, added_++), number); }
  void cancel(int number) {
    queue_.erase(places_.at(number));
    places_.erase(number);
  }
  std::vector<int> pop_due(time_point now) {
    std::vector<int> fired;
    while (!queue_.empty() && queue_.begin()->first.first <= now) {
      fired.push_back(queue_.begin()->second);
      cancel(fired.back());
    }
    return fired;
  }
  [[nodiscard]] std::size_t size() const { return queue_.size(); }
  [[nodiscard]] bool has(int number) const { return places_.contains(number); }
  [[nodiscard]] time_point next_deadline() const { return queue_.begin()->first.first; }

 private:
  using ordered = std::multimap<std::pair<time_point, std::uint64_t>, int>;
  ordered queue_;
  std::map<int, ordered::iterator> places_;
  std::uint64_t added_ = 0;
};

struct load {
  unsigned int seed;
  int timers;          ///< Most that are armed at the same time.
  long long range;     ///< Deadlines lie this far ahead at most: a small one makes many equal.
  long long pop_step;  ///< Time goes on by at most this before each look at what is due.
};

/// Random operations on a queue and on the model at the same time.
void compare_with_model(const load& given, int operations) {
  CAPTURE(given.seed);
  std::mt19937_64 random(given.seed);
  const auto below = [&random](long long end) { return static_cast<long long>(random() % static_cast<std::uint64_t>(end)); };
  alarms timers(given.timers);
  timer_queue queue;
  model expected;
  long long now = -given.range;  // half of the way through negative times
  for (int i = 0; i < operations; ++i) {
    const int number = static_cast<int>(below(given.timers));
    const bool armed = expected.has(number);
    REQUIRE(timers[number].is_armed() == armed);
    if (random() % 64 == 0) {
      now += below(given.pop_step);
      REQUIRE(pop_due(queue, at(now)) == expected.pop_due(at(now)));
    } else if (!armed) {
      const time_point deadline = at(now + below(given.range));
      queue.add(timers[number], deadline);
      expected.add(number, deadline);
    } else if (random() % 2 == 0) {
      queue.cancel(timers[number]);
      expected.cancel(number);
    }
    REQUIRE(queue.size() == expected.size());
    REQUIRE(queue.empty() == (expected.size() == 0));
    if (!queue.empty()) REQUIRE(queue.next_deadline() == expected.next_deadline());
  }
  CHECK(pop_all(queue) == expected.pop_due(time_point::max()));
  CHECK(queue.empty());
  CHECK(timers.armed() == 0);
}

}  // namespace

// --- Without memory ---

TEST_CASE("no memory to add a timer: bad_alloc, and the queue and the timer are as before") {
  if (!allocations_are_ours()) return;
  alarms timers(1000);
  timer_queue queue;
  int refused = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::string error = caught([&] {
      const no_memory none;
      queue.add(timers[i], at(i));
    });
    if (error == "nothing") continue;  // there was room
    ++refused;
    CHECK(error == "bad_alloc");
    CHECK_FALSE(timers[i].is_armed());
    CHECK(queue.size() == static_cast<std::size_t>(i));
    queue.add(timers[i], at(i));
  }
  CHECK(refused > 5);  // at each doubling
  CHECK(pop_all(queue) == numbers(0, 1000));
}

TEST_CASE("no memory to sort what is due: it fires all the same, in order") {
  if (!allocations_are_ours()) return;
  alarms timers(1000);
  timer_queue queue;
  for (int i = 0; i < 1000; ++i) queue.add(timers[(i * 7) % 1000], at((i * 7) % 1000));
  std::vector<int> fired;
  fired.reserve(1000);
  {
    const no_memory none;
    queue.pop_due(at(899), [&fired](timer& t) { fired.push_back(number_of(t)); });
  }
  CHECK(fired == numbers(0, 900));
  CHECK(queue.size() == 100);
  CHECK(pop_all(queue) == numbers(900, 100));
}

TEST_CASE("a queue that has grown once allocates no more") {
  if (!allocations_are_ours()) return;
  alarms timers(1000);
  timer_queue queue;
  long fired = 0;
  const auto fill_and_empty = [&](int round) {
    for (int i = 0; i < 1000; ++i) queue.add(timers[i], at((i * 7 + round) % 1000));
    for (int i = 0; i < 1000; i += 3) queue.cancel(timers[i]);
    for (int now = 0; now <= 1000; now += 250) queue.pop_due(at(now), [&fired](timer&) { ++fired; });
  };
  fill_and_empty(0);
  queue.pop_due(time_point::max(), [](timer&) {});
  // The list of those that are due at the same time grows to the largest such number.
  for (int i = 0; i < 1000; ++i) queue.add(timers[i], at(0));
  queue.pop_due(at(0), [](timer&) {});
  fired = 0;
  const long before = allocator.made;
  for (int round = 0; round < 100; ++round) fill_and_empty(round);
  CHECK(allocator.made == before);
  CHECK(fired == 100 * 666);
  CHECK(queue.empty());
}

// --- Cancelling ---

TEST_CASE("cancelling the only one leaves an empty queue, which can be used again") {
  alarms timers(1);
  timer_queue queue;
  for (int i = 0; i < 3; ++i) {
    queue.add(timers[0], at(i));
    CHECK(timers[0].is_armed());
    queue.cancel(timers[0]);
    CHECK_FALSE(timers[0].is_armed());
    CHECK(queue.empty());
    CHECK(pop_all(queue).empty());
  }
}

TEST_CASE("cancelling one of any, wherever it stands, in queues of each size up to 40") {
  for (int size = 1; size <= 40; ++size) {
    for (int victim = 0; victim < size; ++victim) {
      alarms timers(size);
      timer_queue queue;
      for (int i = 0; i < size; ++i) {
        const int number = (i * 17) % size;  // in some order
        if (!timers[number].is_armed()) queue.add(timers[number], at(number));
      }
      for (int i = 0; i < size; ++i) {
        if (!timers[i].is_armed()) queue.add(timers[i], at(i));
      }
      queue.cancel(timers[victim]);
      std::vector<int> expected = numbers(0, size);
      expected.erase(expected.begin() + victim);
      if (!expected.empty()) REQUIRE(queue.next_deadline() == at(expected.front()));
      REQUIRE(pop_all(queue) == expected);
    }
  }
}

TEST_CASE("a filler from another branch goes up when it is earlier than what was above the cancelled one") {
  // 0 stands at the root with four branches; that of 100 holds late ones, that of 1 early ones.
  alarms timers(12);
  timer_queue queue;
  const std::vector<long long> deadlines = {0, 100, 1, 50, 60, 110, 120, 130, 140, 2, 3, 4};
  for (int i = 0; i < 12; ++i) queue.add(timers[i], at(deadlines[static_cast<std::size_t>(i)]));
  queue.cancel(timers[6]);  // its place is taken by the last one, 4, which belongs above 100
  CHECK(pop_all(queue) == std::vector{0, 2, 9, 10, 11, 3, 4, 1, 5, 7, 8});
}

TEST_CASE("all are cancelled, from the front, from the back and from the middle") {
  for (const int start : {0, 499, 250}) {
    alarms timers(500);
    timer_queue queue;
    for (int i = 0; i < 500; ++i) queue.add(timers[i], at(i));
    const int step = start == 499 ? 499 : 1;  // 499: one down, modulo 500
    for (int i = 0, victim = start; i < 500; ++i, victim = (victim + step) % 500) {
      queue.cancel(timers[victim]);
      REQUIRE(queue.size() == static_cast<std::size_t>(499 - i));
    }
    CHECK(timers.armed() == 0);
    CHECK(pop_all(queue).empty());
  }
}

TEST_CASE("a million timers that are cancelled leave nothing and make the queue no larger") {
  if (!allocations_are_ours()) return;
  alarms timers(2);
  timer_queue queue;
  queue.add(timers[0], at(5));
  queue.add(timers[1], at(6));
  queue.cancel(timers[1]);
  const long before = allocator.made;
  for (int i = 0; i < 1'000'000; ++i) {
    queue.add(timers[1], at(i));
    queue.cancel(timers[1]);
  }
  CHECK(allocator.made == before);
  CHECK(queue.size() == 1);
  CHECK(pop_all(queue) == std::vector{0});
}

TEST_CASE("a cancelled timer can go before the queue is looked at again") {
  timer_queue queue;
  alarms stays(1);
  queue.add(stays[0], at(2));
  {
    alarms goes(2);
    queue.add(goes[0], at(1));
    queue.add(goes[1], at(3));
    queue.cancel(goes[0]);
    queue.cancel(goes[1]);
  }
  CHECK(pop_all(queue) == std::vector{0});
}

// --- Order ---

TEST_CASE("an empty queue has nothing due") {
  timer_queue queue;
  CHECK(queue.empty());
  CHECK(queue.size() == 0);
  CHECK(pop_due(queue, time_point::min()).empty());
  CHECK(pop_due(queue, time_point::max()).empty());
}

TEST_CASE("due is at or before now") {
  alarms timers(3);
  timer_queue queue;
  for (int i = 0; i < 3; ++i) queue.add(timers[i], at(10 + i));
  CHECK(pop_due(queue, at(9)).empty());
  CHECK(pop_due(queue, at(11)) == std::vector{0, 1});
  CHECK(pop_due(queue, at(11)).empty());
  CHECK(queue.next_deadline() == at(12));
  CHECK(pop_due(queue, at(12)) == std::vector{2});
}

TEST_CASE("equal deadlines fire in the order of adding, few and many, before and after a later one") {
  for (const int count : {2, 3, 5, 63, 64, 65, 1000}) {
    alarms timers(count + 2);
    timer_queue queue;
    queue.add(timers[count], at(8));
    for (int i = 0; i < count; ++i) queue.add(timers[i], at(7));
    queue.add(timers[count + 1], at(8));
    CHECK(pop_due(queue, at(7)) == numbers(0, count));
    CHECK(pop_all(queue) == numbers(count, 2));
  }
}

TEST_CASE("equal deadlines keep their order after many removals around and between them") {
  std::mt19937 random(20260102);
  alarms timers(4000);
  timer_queue queue;
  for (int i = 0; i < 4000; ++i) queue.add(timers[i], at(i % 2 == 0 ? 1000 : static_cast<long long>(random() % 2000)));
  for (int i = 1; i < 4000; i += 2) queue.cancel(timers[i]);
  std::vector<int> expected;
  for (int i = 0; i < 4000; i += 2) {
    if (random() % 4 != 0) {
      queue.cancel(timers[i]);
    } else {
      expected.push_back(i);
    }
  }
  CHECK(pop_all(queue) == expected);
}

TEST_CASE("a timer that is cancelled and added again goes behind its equals") {
  alarms timers(3);
  timer_queue queue;
  for (int i = 0; i < 3; ++i) queue.add(timers[i], at(5));
  queue.cancel(timers[0]);
  queue.add(timers[0], at(5));
  CHECK(pop_all(queue) == std::vector{1, 2, 0});
}

TEST_CASE("the ends of time: min, max, negative ones and zero") {
  alarms timers(7);
  timer_queue queue;
  queue.add(timers[0], time_point::max());
  queue.add(timers[1], at(0));
  queue.add(timers[2], time_point::min());
  queue.add(timers[3], at(-1));
  queue.add(timers[4], time_point::max());
  queue.add(timers[5], time_point::min());
  queue.add(timers[6], time_point::max() - duration(1));
  CHECK(queue.next_deadline() == time_point::min());
  CHECK(pop_due(queue, time_point::min()) == std::vector{2, 5});
  CHECK(pop_due(queue, at(-1)) == std::vector{3});
  CHECK(pop_due(queue, time_point::max() - duration(1)) == std::vector{1, 6});
  CHECK(queue.next_deadline() == time_point::max());
  CHECK(pop_due(queue, time_point::max()) == std::vector{0, 4});
}

TEST_CASE("many at once: all, three quarters, a quarter and few of them, each in order") {
  for (const int due : {1000, 750, 250, 64, 63, 1}) {
    std::mt19937 random(static_cast<unsigned int>(due));
    std::vector<int> order = numbers(0, 1000);
    std::shuffle(order.begin(), order.end(), random);
    alarms timers(1000);
    timer_queue queue;
    for (const int i : order) queue.add(timers[i], at(i));
    CHECK(pop_due(queue, at(due - 1)) == numbers(0, due));
    CHECK(queue.size() == static_cast<std::size_t>(1000 - due));
    CHECK(timers.armed() == 1000 - due);
    // What is left is a sound queue.
    for (int i = due; i < 1000; i += 2) queue.cancel(timers[i]);
    std::vector<int> rest;
    for (int i = due + 1; i < 1000; i += 2) rest.push_back(i);
    CHECK(pop_all(queue) == rest);
  }
}

// --- Taking out by choice ---

TEST_CASE("remove_if gives those that were chosen, and the rest keep their order and can be cancelled") {
  for (const int divisor : {1, 2, 3, 7, 1000}) {
    alarms timers(200);
    timer_queue queue;
    for (int i = 0; i < 200; ++i) queue.add(timers[(i * 7) % 200], at((i * 7) % 200 / 4));
    std::vector<int> expected = pop_all(queue);
    for (int i = 0; i < 200; ++i) queue.add(timers[(i * 7) % 200], at((i * 7) % 200 / 4));
    std::vector<int> taken;
    queue.remove_if([&](const timer& t) { return number_of(t) % divisor == 0; },
                    [&](timer& t) {
                      CHECK_FALSE(t.is_armed());
                      taken.push_back(number_of(t));
                    });
    std::erase_if(expected, [&](int i) { return i % divisor == 0; });
    CHECK(queue.size() == expected.size());
    CHECK(taken.size() == 200 - expected.size());
    if (!expected.empty()) {
      queue.cancel(timers[expected.front()]);
      expected.erase(expected.begin());
    }
    CHECK(pop_all(queue) == expected);
  }
}

// --- Everything together ---

namespace {

/// How many operations; in Valgrind each is a hundred times slower.
int many() { return in_valgrind() ? 5'000 : 100'000; }

}  // namespace

TEST_CASE("many random operations, against a sorted map: few timers") {
  compare_with_model({.seed = 1, .timers = 8, .range = 10, .pop_step = 10}, many());
}
TEST_CASE("many random operations, against a sorted map: many equal deadlines") {
  compare_with_model({.seed = 2, .timers = 500, .range = 8, .pop_step = 4}, many());
}
TEST_CASE("many random operations, against a sorted map: far apart") {
  compare_with_model({.seed = 3, .timers = 2000, .range = 1LL << 40, .pop_step = 1LL << 36}, many());
}
TEST_CASE("many random operations, against a sorted map: most are due at each look") {
  compare_with_model({.seed = 4, .timers = 4000, .range = 100, .pop_step = 300}, many());
}
TEST_CASE("many random operations, against a sorted map: all but the whole range of time") {
  compare_with_model({.seed = 5, .timers = 300, .range = 1LL << 61, .pop_step = 1LL << 53}, many());
}
