// SPDX-License-Identifier: BSL-1.0
//
// The same operations on Nakh, through its public interface.
#include "row.hpp"

#include <nakh/nakh.hpp>

#include <chrono>
#include <stdexcept>
#include <vector>

namespace {

template <bool Divides, int Copy = 0>
[[gnu::noinline, gnu::no_icf]] void take_turns(std::size_t turns, const bool& stop) {
  double quotient = 0;
  for (; turns != 0 && !stop; --turns) {
    if constexpr (Divides) bench::divide(quotient);
    nakh::yield();
  }
}

/// `Fibers` fibers, the measuring one among them, that do nothing but let the next one run, in the same function or (two copies)
/// in two.
template <std::size_t Fibers, bool Divides = false, int Copies = 1>
void yield_ring(bench::stopwatch& watch, std::size_t operations) {
  nakh::run([&] {
    bool stop = false;
    std::vector<nakh::task<>> others;
    for (std::size_t i = 1; i != Fibers; ++i) {
      others.push_back(nakh::async([&stop] {
        if constexpr (Divides) bench::clear_floating_point_flags();
        take_turns<Divides, Copies - 1>(bench::for_ever, stop);
      }));
    }
    nakh::yield();
    watch.start();
    take_turns<Divides>(operations / Fibers, stop);
    watch.stop();
    stop = true;
    nakh::gather(others);
  });
}

void spawn_await(bench::stopwatch& watch, std::size_t operations) {
  nakh::run([&] {
    const auto once = [] { nakh::await(nakh::async([] {})); };
    once();
    watch.start();
    for (std::size_t i = 0; i != operations; ++i) once();
    watch.stop();
  });
}

void gather(bench::stopwatch& watch, std::size_t operations) {
  constexpr std::size_t count = 10'000;
  nakh::run([&] {
    const auto once = [] {
      std::vector<nakh::task<int>> tasks;
      tasks.reserve(count);
      for (std::size_t i = 0; i != count; ++i) tasks.push_back(nakh::async([i] { return static_cast<int>(i); }));
      std::vector<int> results = nakh::gather(tasks);
      bench::keep(results);
    };
    once();
    watch.start();
    for (std::size_t i = 0; i != operations; i += count) once();
    watch.stop();
  });
}

/// What is limited takes one turn, so that the limit is really in force while others run.
void wait_for(bench::stopwatch& watch, std::size_t operations) {
  nakh::run([&] {
    int answers = 0;
    const auto once = [&answers] {
      answers += nakh::wait_for(
          [] {
            nakh::yield();
            return 1;
          },
          std::chrono::hours{1});
    };
    once();
    watch.start();
    for (std::size_t i = 0; i != operations; ++i) once();
    watch.stop();
    bench::keep(answers);
  });
}

/// Waits for a number and hands the next one on, each time through a new future.
[[gnu::noinline]] void hand_over(nakh::future<std::size_t>& own, nakh::future<std::size_t>& other, std::size_t turns) {
  for (; turns != 0; --turns) {
    const std::size_t value = own.await();
    own = {};
    other.set_result(value + 1);
  }
}

void future_pingpong(bench::stopwatch& watch, std::size_t operations) {
  nakh::run([&] {
    nakh::future<std::size_t> ping;
    nakh::future<std::size_t> pong;
    const auto other = nakh::async([&] { hand_over(ping, pong, operations / 2); });
    nakh::yield();
    watch.start();
    ping.set_result(0);
    hand_over(pong, ping, operations / 2);
    watch.stop();
    other.await();
  });
}

/// Waking alone: the futures were made beforehand. One task sets them, the other one waits for them.
void wake(bench::stopwatch& watch, std::size_t operations) {
  nakh::run([&] {
    std::vector<nakh::future<>> events(operations + 1);
    const auto waiter = nakh::async([&events] {
      for (const auto& event : events) event.await();
    });
    nakh::yield();
    const auto wake_one = [](nakh::future<>& event) {
      event.set_result();
      nakh::yield();
    };
    wake_one(events.front());
    watch.start();
    for (std::size_t i = 1; i <= operations; ++i) wake_one(events[i]);
    watch.stop();
    waiter.await();
  });
}

/// Waiting for what is there already.
void wait_done(bench::stopwatch& watch, std::size_t operations) {
  nakh::run([&] {
    nakh::future<int> answer;
    answer.set_result(1);
    int sum = 0;
    watch.start();
    for (std::size_t i = 0; i != operations; ++i) sum += answer.await();
    watch.stop();
    bench::keep(sum);
  });
}

/// A short sleep, again and again: what counts here is the number of allocations; the time is mostly the sleep.
void sleep(bench::stopwatch& watch, std::size_t operations) {
  nakh::run([&] {
    nakh::sleep(std::chrono::microseconds{1});
    watch.start();
    for (std::size_t i = 0; i != operations; ++i) nakh::sleep(std::chrono::microseconds{1});
    watch.stop();
  });
}

/// A generator that only counts: one item a step, two switches of stacks.
void generator_next(bench::stopwatch& watch, std::size_t operations) {
  nakh::run([&] {
    nakh::generator<std::size_t> numbers([](auto& yield) {
      for (std::size_t i = 0;; ++i) yield(i);
    });
    std::size_t sum = *numbers.next();
    watch.start();
    for (std::size_t i = 0; i != operations; ++i) sum += *numbers.next();
    watch.stop();
    bench::keep(sum);
  });
}

/// A chain of calls; the innermost gives its turn once, to another fiber that gives it back.
[[gnu::noinline, gnu::no_icf]] int descend(int depth) {
  if (depth == 0) {
    nakh::yield();
    return 1;
  }
  int below = descend(depth - 1);
  bench::keep(below);  // or it would be a loop
  return below + 1;
}
template <int Depth>
void deep_await(bench::stopwatch& watch, std::size_t operations) {
  nakh::run([&] {
    bool stop = false;
    const auto other = nakh::async([&stop] { take_turns<false>(bench::for_ever, stop); });
    int sum = descend(Depth - 1);
    watch.start();
    for (std::size_t i = 0; i != operations; ++i) sum += descend(Depth - 1);
    watch.stop();
    bench::keep(sum);
    stop = true;
    other.await();
  });
}

/// An exception on its way through so many calls.
[[gnu::noinline, gnu::no_icf]] int fail(int depth) {
  if (depth == 0) throw std::runtime_error("as intended");
  int below = fail(depth - 1);
  bench::keep(below);
  return below + 1;
}
template <int Depth>
void throw_through(bench::stopwatch& watch, std::size_t operations) {
  nakh::run([&] {
    int caught = 0;
    watch.start();
    for (std::size_t i = 0; i != operations; ++i) {
      try {
        fail(Depth - 1);
      } catch (const std::runtime_error&) {
        ++caught;
      }
    }
    watch.stop();
    bench::keep(caught);
  });
}

const bench::row yield_2{"yield/2/nakh", 1'000'000, yield_ring<2>};
const bench::row yield_between_2{"yield_between/2/nakh", 500'000, yield_ring<2, false, 2>, "two functions"};
const bench::row yield_fp_2{"yield_fp/2/nakh", 500'000, yield_ring<2, true>};
const bench::row yield_1000{"yield/1000/nakh", 1'000'000, yield_ring<1000>};
const bench::row spawn_await_1{"spawn_await/1/nakh", 500'000, spawn_await};
const bench::row gather_10000{"gather/10000/nakh", 100'000, gather};
const bench::row wait_for_1{"wait_for/1/nakh", 500'000, wait_for};
const bench::row future_pingpong_2{"future_pingpong/2/nakh", 500'000, future_pingpong};
const bench::row wake_2{"wake/2/nakh", 100'000, wake};
const bench::row wait_done_1{"wait_done/1/nakh", 1'000'000, wait_done};
const bench::row sleep_1{"sleep/1/nakh", 1'000, sleep};
const bench::row generator_1{"generator/next/nakh", 1'000'000, generator_next};
const bench::row deep_await_1{"deep_await/1/nakh", 500'000, deep_await<1>};
const bench::row deep_await_10{"deep_await/10/nakh", 100'000, deep_await<10>};
const bench::row deep_await_100{"deep_await/100/nakh", 20'000, deep_await<100>};
const bench::row throw_10{"throw/10/nakh", 20'000, throw_through<10>};

}  // namespace
