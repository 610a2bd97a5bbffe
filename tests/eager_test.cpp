// SPDX-License-Identifier: BSL-1.0
#include <nakh/task.hpp>

#include "support/fixture.hpp"

#include <nakh/context_var.hpp>
#include <nakh/gather.hpp>
#include <nakh/queue.hpp>
#include <nakh/shield.hpp>
#include <nakh/task_group.hpp>
#include <nakh/testing.hpp>
#include <nakh/timeout.hpp>
#include <nakh/wait.hpp>

#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

using namespace nakh;
using namespace nakh::test;
using namespace std::chrono_literals;

namespace {

/// Virtual time, and tasks that begin at once.
struct eager_fixture : fixture {
  template <class F>
  void run_eagerly(F&& f) {
    run([&] {
      get_running_loop().set_eager_start(true);
      f();
    });
  }
};

}  // namespace

TEST_CASE_FIXTURE(eager_fixture, "T-eager-01: the body runs at once up to its first suspension; a finished one needs no pass") {
  run_eagerly([&] {
    get_running_loop().call_soon([&] { say("pass"); });
    auto quick = async([&] {
      say("quick");
      return 7;
    });
    CHECK(quick.done());
    CHECK(quick.await() == 7);
    auto slow = async([&] {
      say("begun");
      yield();
      say("ended");
    });
    say("created");
    CHECK_FALSE(slow.done());
    slow.await();
  });
  CHECK(say.take() == "quick begun created pass ended");
}

TEST_CASE_FIXTURE(eager_fixture, "T-eager-01: an eager step may wait for what is done, and make eager tasks itself, to any depth") {
  run_eagerly([&] {
    const future<int> ready;
    ready.set_result(5);
    CHECK(async([&] { return ready.await(); }).done());
    std::function<int(int)> nest = [&](int depth) -> int { return depth == 0 ? 0 : 1 + async(nest, depth - 1).await(); };
    auto nested = async(nest, 50);
    CHECK(nested.done());
    CHECK(nested.result() == 50);
  });
}

TEST_CASE_FIXTURE(eager_fixture, "T-eager-01: the creator goes on before everything that was ready, and before what the step queued") {
  run_eagerly([&] {
    auto other = async({.eager_start = false}, [&] { say("other"); });
    auto eager = async([&] {
      get_running_loop().call_soon([&] { say("queued in the step"); });
      say("step");
      yield();
      say("second step");
    });
    say("creator");
    yield();
    say("creator's next turn");
    gather(other, eager);
  });
  CHECK(say.take() == "step creator other queued in the step second step creator's next turn");
}

TEST_CASE_FIXTURE(eager_fixture, "T-eager-02: during the eager step the new task is the current one; afterwards its creator is") {
  run_eagerly([&] {
    const any_task creator = current_task();
    std::optional<any_task> inside;
    auto t = async({.name = "new"}, [&] {
      inside = current_task();
      say(current_task().get_name());
    });
    CHECK(*inside == any_task(t));
    CHECK(current_task() == creator);
    auto waiting = async([&] { sleep(1s); });
    CHECK(current_task() == creator);
    waiting.await();
  });
  CHECK(say.take() == "new");
}

TEST_CASE_FIXTURE(eager_fixture, "T-eager-02: a callback may start a task eagerly; there is no current task before and after") {
  run_eagerly([&] {
    std::optional<task<>> made;
    get_running_loop().call_soon([&] {
      CHECK_FALSE(current_task());
      made = async([&] {
        say(current_task() ? "task" : "none");
        sleep(1s);
        say("ended");
      });
      CHECK_FALSE(current_task());
      say("callback");
      CHECK(async([&] { return 1; }).done());
      CHECK_FALSE(current_task());
    });
    get_running_loop().call_soon([&] { say("next callback"); });
    yield();
    made->await();
  });
  CHECK(say.take() == "task callback next callback ended");
}

TEST_CASE_FIXTURE(eager_fixture, "T-eager-03: what the eager step sets in its context stays in the new task") {
  const context_var<int> number("number", 0);
  run_eagerly([&] {
    number.set(1);
    auto t = async([&] {
      CHECK(number.get() == 1);
      number.set(2);
      yield();
      CHECK(number.get() == 2);
    });
    CHECK(number.get() == 1);
    t.await();
    get_running_loop().call_soon([&] {
      number.set(3);
      static_cast<void>(async([&] { number.set(4); }));
      CHECK(number.get() == 3);
    });
    yield();
  });
}

TEST_CASE_FIXTURE(eager_fixture, "T-eager-04: once its body suspends, the task is an ordinary one") {
  run_eagerly([&] {
    auto t = async({.name = "waiting"}, [&] {
      try {
        sleep(10s);
      } catch (const cancelled_error&) {
        say("cancelled");
        throw;
      }
    });
    CHECK(all_tasks().size() == 2);
    CHECK(all_tasks().back().get_name() == "waiting");
    sleep(1s);
    CHECK(t.cancel());
    CHECK(caught([&] { t.await(); }) == "cancelled_error");
    CHECK(all_tasks().size() == 1);
    CHECK(now() == 1000);
  });
  CHECK(say.take() == "cancelled");
}

TEST_CASE_FIXTURE(eager_fixture, "T-eager-04: cancelled before its second step, it gets that at its first suspension") {
  run_eagerly([&] {
    auto t = async([&] {
      say("begun");
      yield();
      say("not reached");
    });
    t.cancel();
    CHECK(caught([&] { t.await(); }) == "cancelled_error");
    auto itself = async([&] {
      current_task().cancel();
      say("goes on");
      yield();
    });
    CHECK(caught([&] { itself.await(); }) == "cancelled_error");
  });
  CHECK(say.take() == "begun goes on");
}

TEST_CASE_FIXTURE(eager_fixture, "T-eager-04: the step may cancel its creator, who learns of it at its next suspension") {
  run_eagerly([&] {
    auto parent = async({.eager_start = false}, [&] {
      const any_task self = current_task();
      static_cast<void>(async([&] { self.cancel(); }));
      say("goes on");
      try {
        yield();
      } catch (const cancelled_error&) {
        say("cancelled");
        throw;
      }
    });
    CHECK(caught([&] { parent.await(); }) == "cancelled_error");
  });
  CHECK(say.take() == "goes on cancelled");
}

TEST_CASE_FIXTURE(eager_fixture, "T-eager-05: an error of the eager step is stored in the task, not thrown at its creator") {
  run_eagerly([&] {
    auto t = async([] { throw std::runtime_error("early"); });
    CHECK(t.done());
    CHECK(caught([&] { t.await(); }) == "early");
    CHECK_FALSE(t.cancel());
    auto all = gather_future(async([] { return 1; }), async([] { return 2; }));
    CHECK(all.done());
    CHECK(all.result() == std::tuple(1, 2));
    static_cast<void>(async([] { throw std::runtime_error("nobody asks"); }));
  });
  CHECK(take_report_error() == "nobody asks");
}

TEST_CASE_FIXTURE(eager_fixture, "T-eager-05: an exception that the creator handles stays its own") {
  run_eagerly([&] {
    try {
      throw std::runtime_error("creator's");
    } catch (const std::runtime_error&) {
      auto t = async([] {
        CHECK(std::current_exception() == nullptr);
        CHECK(caught([] { throw std::runtime_error("task's"); }) == "task's");
        yield();
      });
      CHECK(caught(std::current_exception()) == "creator's");
      t.await();
      CHECK(caught([] { throw; }) == "creator's");
    }
  });
}

TEST_CASE_FIXTURE(fixture, "T-eager-06: a task's own switch overrides the loop's, both ways") {
  run([&] {
    auto eager = async({.eager_start = true}, [&] { say("eager"); });
    auto queued = async([&] { say("queued"); });
    say("created");
    gather(eager, queued);
    get_running_loop().set_eager_start(true);
    auto again = async([&] { say("eager"); });
    auto late = async({.eager_start = false}, [&] { say("queued"); });
    say("created");
    gather(again, late);
    get_running_loop().set_eager_start(false);
    CHECK_FALSE(async([] {}).done());
  });
  CHECK(say.take() == "eager created queued eager created queued");
}

TEST_CASE_FIXTURE(fixture, "T-eager-07: on a loop that does not run, an eager start falls back to the queued one") {
  event_loop loop(loop_options{.clock = &clock, .eager_start = true});
  watch(loop);
  auto first = loop.create_task([&] { say("first"); });
  auto second = loop.create_task({.eager_start = true}, [&] { say("second"); });
  say("created");
  CHECK_FALSE(first.done());
  loop.run_until_complete(second);
  CHECK(say.take() == "created first second");
  loop.run_until_complete([&] { CHECK(async([] {}).done()); });
  loop.close();
  check_nothing_left(loop);
}

TEST_CASE_FIXTURE(eager_fixture, "T-tg-22: a member that fails eagerly interrupts the block at its next suspension only") {
  run_eagerly([&] {
    CHECK(caught([&] {
            task_group::run([&](task_group& g) {
              g.async([] { throw std::runtime_error("eager"); });
              say("goes on");
              g.async([&] { say("second member"); });
              try {
                yield();
              } catch (const cancelled_error&) {
                say("interrupted");
                throw;
              }
            });
          }).find("unhandled errors") != std::string::npos);
    CHECK(current_task().cancelling() == 0);
    yield();
  });
  CHECK(say.take() == "goes on second member interrupted");
}

TEST_CASE_FIXTURE(eager_fixture, "T-tg-29: a member that makes one which fails in its own creation is cancelled at a later suspension") {
  run_eagerly([&] {
    CHECK(caught([&] {
            task_group::run([&](task_group& g) {
              g.async([&] {
                g.async([] { throw std::runtime_error("inner"); });
                say("still going");
                try {
                  sleep(1s);
                } catch (const cancelled_error&) {
                  say("cancelled");
                  throw;
                }
              });
            });
          }).find("unhandled errors") != std::string::npos);
    CHECK(current_task().cancelling() == 0);
    yield();
    CHECK(now() == 0);
  });
  CHECK(say.take() == "still going cancelled");
}

TEST_CASE_FIXTURE(eager_fixture, "a group's members may make many more in their eager steps") {
  run_eagerly([&] {
    int ended = 0;
    std::function<void(task_group&, int)> grow = [&](task_group& g, int depth) {
      if (depth > 0) {
        g.async([&g, &grow, depth] { grow(g, depth - 1); });
        g.async([&g, &grow, depth] { grow(g, depth - 1); });
      }
      yield();
      ++ended;
      if (depth == 0 && ended % 8 == 0) throw std::runtime_error("leaf");
    };
    CHECK(caught([&] { task_group::run([&](task_group& g) { grow(g, 6); }); }).find("unhandled errors") != std::string::npos);
  });
}

TEST_CASE_FIXTURE(fixture, "a fatal error of an eager step leaves the run; its creator goes on in the next one") {
  event_loop loop(loop_options{.clock = &clock, .eager_start = true});
  watch(loop);
  std::optional<task<>> fatal;
  auto main = loop.create_task([&] {
    fatal = async([] { throw system_exit(3); });
    say("creator");
  });
  CHECK(caught([&] { loop.run_until_complete(main); }) == "system_exit(3)");
  CHECK(say.take().empty());
  loop.run_until_complete(main);
  CHECK(say.take() == "creator");
  CHECK(caught([&] { fatal->result(); }) == "system_exit(3)");
  // From a callback: that ends first.
  loop.call_soon([&] {
    fatal = async([] { throw system_exit(4); });
    say("rest of the callback");
  });
  loop.call_soon([&] { say("later"); });
  CHECK(caught([&] { loop.run_forever(); }) == "system_exit(4)");
  CHECK(say.take() == "rest of the callback");
  loop.run_until_complete([] {});
  CHECK(say.take() == "later");
  CHECK(caught([&] { fatal->result(); }) == "system_exit(4)");
  loop.close();
  check_nothing_left(loop);
}

TEST_CASE_FIXTURE(eager_fixture, "what ends with a task makes tasks in no task and no callback: these are queued") {
  struct spawner {
    explicit spawner(trace& t) noexcept : say(&t) {}
    spawner(spawner&& other) noexcept : say(std::exchange(other.say, nullptr)) {}
    spawner& operator=(spawner&&) = delete;
    ~spawner() {
      if (say == nullptr) return;
      static_cast<void>(async([s = say] {
        (*s)("begun");
        yield();
        (*s)("ended");
      }));
      (*say)(current_task() ? "in a task" : "in none");
    }
    trace* say;
  };
  run_eagerly([&] {
    // Nobody holds the task: its result goes with it, on the stack on which it ran.
    static_cast<void>(async({.eager_start = false}, [&] { return spawner(say); }));
    sleep(1s);
    CHECK(say.take() == "in none begun ended");
    // The same below a callback that has started it eagerly.
    get_running_loop().call_soon([&] {
      static_cast<void>(async([&] {
        async([] { return 1; }).await();
        static_cast<void>(async({.eager_start = false}, [&] { return spawner(say); }));
      }));
    });
    sleep(1s);
    CHECK(say.take() == "in none begun ended");
    // Here it is the callback that lets the result go.
    get_running_loop().call_soon([&] { static_cast<void>(async([&] { return spawner(say); })); });
    sleep(1s);
    CHECK(say.take() == "begun in none ended");
  });
}

TEST_CASE_FIXTURE(fixture, "an eager start that finds no stack throws before anything has begun") {
  event_loop loop(loop_options{.clock = &clock, .max_stacks = 2, .eager_start = true});
  watch(loop);
  loop.run_until_complete([&] {
    auto one = async([] { sleep(1s); });
    CHECK(caught([] { static_cast<void>(async([] { sleep(1s); })); }) == "stack_exhausted");
    one.await();
    CHECK(async([] { return 1; }).await() == 1);
  });
  loop.close();
  check_nothing_left(loop);
}

TEST_CASE_FIXTURE(eager_fixture, "waiting for eager tasks in every way") {
  run_eagerly([&] {
    const auto work = [](int n) {
      sleep(std::chrono::milliseconds(n));
      return n;
    };
    CHECK(gather([&] { return work(2); }, [&] { return work(1); }) == std::tuple(2, 1));
    CHECK(now() == 2);
    CHECK(wait_for(async(work, 3), 1s) == 3);
    CHECK(shield(async(work, 3)).await() == 3);
    const std::vector<task<int>> tasks = {async(work, 5), async(work, 1), async([] { return 0; })};
    std::vector<int> in_order;
    for (auto& t : as_completed(tasks)) in_order.push_back(t.result());
    CHECK(in_order == std::vector<int>{0, 1, 5});
    CHECK(caught([&] { wait_for(async(work, 100), 1ms); }) == "timeout_error");
  });
}

TEST_CASE("eager tasks bear every order of turns, and a cancellation anywhere") {
  struct world {
    queue<int> numbers{2};
    int sum = 0;
  };
  const auto scenario = [](world& w) {
    get_running_loop().set_eager_start(true);
    task_group::run([&](task_group& g) {
      for (int i = 0; i < 3; ++i) {
        g.async([&w, &g, i] {
          g.async([&w, i] { w.numbers.put(i); });
          yield();
          w.numbers.put(10 * i);
        });
      }
      g.async([&w] {
        for (int i = 0; i < 6; ++i) w.sum += w.numbers.get();
      });
    });
  };
  const auto found = testing::explore<world>({.seeds = 100}, scenario, [](world& w) {
    if (w.sum != 33) throw std::logic_error("a number was lost");
  });
  CHECK(found.runs == 100);
  CHECK(testing::cancel_everywhere<world>({}, scenario, [](world&) {}).runs > 20);
}
