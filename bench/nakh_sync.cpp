// SPDX-License-Identifier: BSL-1.0
//
// Nakh's locks, queues and task groups.
#include "row.hpp"

#include <nakh/nakh.hpp>

#include <mutex>
#include <vector>

namespace {

/// Has the mutex for one turn of the other task, again and again: each of the two finds it taken.
void mutex_pingpong(bench::stopwatch& watch, std::size_t operations) {
  nakh::run([&] {
    nakh::mutex mutex;
    const auto take_turns = [&mutex, turns = operations / 2] {
      for (std::size_t i = 0; i != turns; ++i) {
        const std::scoped_lock hold(mutex);
        nakh::yield();
      }
    };
    watch.start();
    const auto other = nakh::async(take_turns);
    take_turns();
    other.await();
    watch.stop();
  });
}

/// Two tasks, of which each waits for its turn and gives it to the other one.
void condition_pingpong(bench::stopwatch& watch, std::size_t operations) {
  nakh::run([&] {
    nakh::condition_variable changed;
    int turn = 0;
    const auto take_turns = [&, turns = operations / 2](int own) {
      const std::scoped_lock hold(changed);
      for (std::size_t i = 0; i != turns; ++i) {
        changed.wait([&] { return turn == own; });
        turn = 1 - own;
        changed.notify();
      }
    };
    watch.start();
    const auto other = nakh::async([&] { take_turns(1); });
    take_turns(0);
    other.await();
    watch.stop();
  });
}

/// A number goes to and fro through two queues.
void queue_pingpong(bench::stopwatch& watch, std::size_t operations) {
  nakh::run([&] {
    nakh::queue<std::size_t> there(1);
    nakh::queue<std::size_t> back(1);
    const auto other = nakh::async([&] {
      for (std::size_t i = 0; i != operations / 2; ++i) back.put(there.get() + 1);
    });
    std::size_t value = 0;
    watch.start();
    for (std::size_t i = 0; i != operations / 2; ++i) {
      there.put(value);
      value = back.get();
    }
    watch.stop();
    bench::keep(value);
    other.await();
  });
}

/// As `gather`, in a group.
void task_group(bench::stopwatch& watch, std::size_t operations) {
  constexpr std::size_t count = 10'000;
  nakh::run([&] {
    const auto once = [] {
      std::vector<nakh::task<int>> tasks;
      tasks.reserve(count);
      nakh::task_group::run([&tasks](nakh::task_group& group) {
        for (std::size_t i = 0; i != count; ++i) tasks.push_back(group.async([i] { return static_cast<int>(i); }));
      });
      std::vector<int> results;
      results.reserve(count);
      for (const auto& task : tasks) results.push_back(task.result());
      bench::keep(results);
    };
    once();
    watch.start();
    for (std::size_t i = 0; i != operations; i += count) once();
    watch.stop();
  });
}

const bench::row mutex_pingpong_2{"mutex_pingpong/2/nakh", 500'000, mutex_pingpong};
const bench::row condition_pingpong_2{"condition_pingpong/2/nakh", 200'000, condition_pingpong};
const bench::row queue_pingpong_2{"queue_pingpong/2/nakh", 500'000, queue_pingpong};
const bench::row task_group_10000{"task_group/10000/nakh", 100'000, task_group};

}  // namespace
