// SPDX-License-Identifier: BSL-1.0
#include <nakh/context_var.hpp>

#include "support/allocations.hpp"
#include "support/fixture.hpp"

#include <nakh/future.hpp>
#include <nakh/gather.hpp>
#include <nakh/task.hpp>
#include <nakh/task_group.hpp>
#include <nakh/thread.hpp>
#include <nakh/threadsafe.hpp>
#include <nakh/timeout.hpp>

#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace nakh;
using namespace nakh::test;
using namespace std::chrono_literals;

namespace {

const context_var<std::string> user("user", "nobody");
const context_var<int> number("number");

}  // namespace

// --- The variable itself ---

TEST_CASE("a variable has its default, then what was set, then its default again") {
  CHECK(user.name() == "user");
  CHECK(user.get() == "nobody");
  auto before = user.set("ada");
  CHECK(user.get() == "ada");
  CHECK_FALSE(before.old_value());
  auto between = user.set("grace");
  CHECK(between.old_value() == "ada");
  user.reset(between);
  CHECK(user.get() == "ada");
  user.reset(before);
  CHECK(user.get() == "nobody");
}

TEST_CASE("get without a value and without a default throws lookup_error; a fallback comes before the default") {
  CHECK_THROWS_AS(static_cast<void>(number.get()), lookup_error);
  CHECK(number.get(7) == 7);
  CHECK(user.get("somebody") == "somebody");
  try {
    static_cast<void>(number.get());
  } catch (const lookup_error& e) {
    CHECK(std::string(e.what()).find("'number'") != std::string::npos);
  }
}

TEST_CASE("a token takes one set back, of its own variable, in its own context") {
  const context_var<int> other("other");
  auto t = number.set(1);
  CHECK_THROWS_AS(other.reset(t), std::invalid_argument);
  const auto elsewhere = copy_context();
  CHECK_THROWS_AS(elsewhere.run([&] { number.reset(t); }), std::invalid_argument);
  CHECK(number.get() == 1);
  number.reset(t);
  CHECK_THROWS_AS(number.reset(t), usage_error);
  CHECK_THROWS_AS(static_cast<void>(number.get()), lookup_error);
}

TEST_CASE("a scope gives the variable its former value back, also when an error leaves it") {
  {
    const context_var<int>::scope outer(number, 1);
    CHECK(caught([] {
            const context_var<int>::scope inner(number, 2);
            CHECK(number.get() == 2);
            throw std::runtime_error("out");
          }) == "out");
    CHECK(number.get() == 1);
  }
  CHECK(number.get(0) == 0);
}

TEST_CASE("a variable that has gone leaves nothing to one that takes its place in memory") {
  auto first = std::make_optional<context_var<std::string>>("first");
  first->set("text");
  first.reset();
  const context_var<int> second("second");
  CHECK(second.get(5) == 5);
}

TEST_CASE("a value lives as long as a context has it") {
  auto value = std::make_shared<int>(5);
  const std::weak_ptr<int> seen = value;
  const context_var<std::shared_ptr<int>> holder("holder");
  context own;
  own.run([&] { holder.set(std::move(value)); });
  auto copied = std::make_optional(own.copy());
  own.run([&] { holder.set(nullptr); });
  CHECK_FALSE(seen.expired());
  CHECK(copied->run([&] { return *holder.get(); }) == 5);
  copied.reset();
  CHECK(seen.expired());
}

// --- Contexts ---

TEST_CASE("a context goes its own way, and says what is set in it") {
  const context empty;
  CHECK(empty.size() == 0);
  empty.run([] { number.set(1); });
  CHECK(empty.size() == 1);
  CHECK(empty.contains(number));
  CHECK_FALSE(empty.contains(user));
  CHECK(number.get(empty) == 1);
  CHECK_FALSE(user.get(empty));
  const context copied = empty.copy();
  CHECK(copied != empty);
  copied.run([] { number.set(2); });
  CHECK(number.get(empty) == 1);
  CHECK(number.get(copied) == 2);
  CHECK(number.get(0) == 0);
  const context same = empty;
  CHECK(same == empty);
}

TEST_CASE_FIXTURE(fixture, "run in a context may suspend, and throws through; the task's own comes back") {
  run([&] {
    number.set(1);
    const context other = copy_context();
    auto meanwhile = async([&] { say("meanwhile", number.get()); });
    other.run([&] {
      number.set(2);
      sleep(1s);
      say("in it", number.get());
      other.run([&] { say("again", number.get()); });
    });
    CHECK(caught([&] { other.run([] { throw std::runtime_error("out"); }); }) == "out");
    say("own", number.get());
    meanwhile.await();
  });
  CHECK(say.take() == "meanwhile1 in it2 again2 own1");
}

TEST_CASE_FIXTURE(fixture, "many variables keep apart") {
  run([] {
    std::vector<std::unique_ptr<context_var<int>>> variables;
    for (int i = 0; i < 40; ++i) variables.push_back(std::make_unique<context_var<int>>("v", -i));
    for (std::size_t i = 0; i < 40; i += 2) variables[i * 7 % 40]->set(static_cast<int>(i * 7 % 40));
    for (std::size_t i = 0; i < 40; ++i) CHECK(variables[i]->get() == (i % 2 == 0 ? static_cast<int>(i) : -static_cast<int>(i)));
  });
}

// --- Tasks and callbacks ---

TEST_CASE_FIXTURE(fixture, "T-ctx-01: a task gets a copy of the context at its creation; later changes are not seen by the other") {
  run([&] {
    user.set("creator");
    auto child = async([&] {
      say(user.get());
      user.set("child");
      sleep(2s);
      say(user.get());
    });
    user.set("creator, later");
    sleep(1s);
    say(user.get());
    child.await();
    say(user.get());
  });
  CHECK(say.take() == "creator creator, later child creator, later");
  CHECK(user.get() == "nobody");
}

TEST_CASE_FIXTURE(loop_fixture, "T-ctx-02: callbacks, timers and done callbacks run in the context in which they were scheduled") {
  const future<> f = loop.create_future<void>();
  const auto tell = [&] {
    say(user.get());
    user.set("changed in a callback");
  };
  {
    const context_var<std::string>::scope in(user, "soon");
    loop.call_soon(tell);
  }
  {
    const context_var<std::string>::scope in(user, "later");
    loop.call_later(1s, tell);
  }
  {
    const context_var<std::string>::scope in(user, "done");
    f.add_done_callback(tell);
  }
  {
    const context_var<std::string>::scope in(user, "threadsafe");
    loop.call_soon_threadsafe(tell);
  }
  loop.run_until_complete([&] {
    user.set("the task's");
    f.set_result();
    sleep(2s);
    say(user.get());
  });
  CHECK(say.take() == "soon threadsafe done later the task's");
}

TEST_CASE_FIXTURE(fixture, "T-ctx-02: a signal handler runs in the context in which it was added") {
  run_in_real_time([&] {
    user.set("added");
    get_running_loop().add_signal_handler(SIGUSR1, [&] { say(user.get()); });
    user.set("later");
    REQUIRE(raise(SIGUSR1) == 0);
    while (say.take() != "added") sleep(1ms);
    get_running_loop().remove_signal_handler(SIGUSR1);
  });
}

TEST_CASE_FIXTURE(fixture, "T-ctx-03: a function that is called directly shares the caller's context") {
  run([] {
    const auto f = [](const std::string& name) {
      user.set(name);
      sleep(1s);
    };
    f("called");
    CHECK(user.get() == "called");
    await([&] { f("awaited"); });
    CHECK(user.get() == "awaited");
    wait_for([&] { f("limited"); }, 5s);  // T-wfor-13
    CHECK(user.get() == "limited");
    timeout(5s, [&](timeout_scope&) { f("timed"); });
    CHECK(user.get() == "timed");
    gather([&] { f("gathered"); });  // a task of its own
    CHECK(user.get() == "timed");
  });
}

TEST_CASE_FIXTURE(fixture, "T-ctx-04: a context that is given to tasks is used itself: changes add up") {
  run([&] {
    const context shared;
    const auto more = [] { number.set(number.get(0) + 1); };
    for (int i = 0; i < 3; ++i) async({.context = shared}, more).await();
    CHECK(number.get(shared) == 3);
    CHECK(number.get(0) == 0);
    // Two at the same time see each other's.
    auto first = async({.context = shared}, [&] {
      number.set(10);
      sleep(2s);
      say("first", number.get());
    });
    auto second = async({.context = shared}, [&] {
      sleep(1s);
      say("second", number.get());
      number.set(20);
    });
    gather(first, second);
    // Their own tasks get copies.
    async({.context = shared}, [&] { async(more).await(); }).await();
    CHECK(number.get(shared) == 20);
    CHECK(get_running_loop().create_task({.context = shared}, [] { return number.get(); }).await() == 20);
  });
  CHECK(say.take() == "second10 first20");
}

TEST_CASE_FIXTURE(fixture, "T-ctx-05: all runs of a runner share one context; the thread's own stays as it was") {
  const context_var<int>::scope before(number, 1);
  {
    runner r(run_options{.clock = &clock});
    CHECK(r.run([] { return number.get(); }) == 1);
    r.run([] { number.set(2); });
    CHECK(r.run([] { return number.get(); }) == 2);
    CHECK(number.get() == 1);
  }
  CHECK(number.get() == 1);
}

TEST_CASE_FIXTURE(fixture, "T-ctx-06: many tasks set the same variable and interleave; each sees only its own value") {
  run([] {
    std::vector<task<>> tasks;
    for (int i = 0; i < 100; ++i) {
      tasks.push_back(async([i] {
        for (int k = 0; k < 10; ++k) {
          number.set(i * 100 + k);
          sleep(std::chrono::milliseconds(i % 7));
          CHECK(number.get() == i * 100 + k);
        }
      }));
    }
    gather(tasks);
    CHECK(number.get(-1) == -1);
  });
}

TEST_CASE_FIXTURE(fixture, "T-tg-27: a member's name and context are honoured; a group outside a task is a usage_error") {
  run([] {
    const context own;
    task_group::run([&](task_group& g) {
      auto named = g.async({.name = "member", .context = own}, [] { number.set(5); });
      CHECK(named.get_name() == "member");
    });
    CHECK(number.get(own) == 5);
    CHECK(number.get(0) == 0);
  });
  CHECK(caught([] { task_group::run([](task_group&) {}); }) == "usage_error");
}

// --- Threads ---

TEST_CASE_FIXTURE(fixture, "T-thr-01, T-thr-02: to_thread carries a copy of the context over, run_in_executor does not") {
  run_in_real_time([] {
    user.set("task");
    CHECK(to_thread([] {
            const std::string seen = user.get();
            user.set("thread");
            return seen + " " + user.get();
          }) == "task thread");
    CHECK(user.get() == "task");
    CHECK(to_thread([] { return user.get(); }) == "task");
    CHECK(get_running_loop().run_in_executor([] { return user.get(); }).await() == "nobody");
  });
}

TEST_CASE_FIXTURE(fixture, "a task that another thread asks for gets that thread's context") {
  run_in_real_time([] {
    event_loop& loop = get_running_loop();
    const std::string seen = to_thread([&loop] {
      user.set("asking thread");
      return async_threadsafe(loop, [] { return user.get(); }).get();
    });
    CHECK(seen == "asking thread");
  });
}

TEST_CASE("contexts may be copied and dropped in several threads at once") {
  const context shared;
  shared.run([] {
    user.set("shared");
    number.set(1);
  });
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&shared, i] {
      for (int k = 0; k < 1000; ++k) {
        const context own = shared.copy();
        own.run([i, k] {
          if (number.get() != 1 || user.get() != "shared") throw std::logic_error("a value of another thread");
          number.set(i * 1000 + k);
        });
      }
    });
  }
  threads.clear();
  CHECK(number.get(shared) == 1);
}

// --- Lack of memory ---

TEST_CASE_FIXTURE(fixture, "a set that finds no memory changes nothing") {
  if (!allocations_are_ours()) return;
  run([] {
    number.set(1);
    const context shared = copy_context();  // so that the next set must copy
    int failures = 0;
    for (long enough = 0;; ++enough) {
      allocator.left = enough;
      try {
        number.set(2);
        allocator.left = -1;
        break;
      } catch (const std::bad_alloc&) {
        ++failures;
      }
      CHECK(number.get() == 1);
    }
    CHECK(failures >= 2);
    CHECK(number.get() == 2);
    CHECK(number.get(shared) == 1);
  });
}

TEST_CASE_FIXTURE(fixture, "a task in a context with values takes no more allocations than one without") {
  if (!allocations_are_ours()) return;
  run([] {
    const auto one = [] { async([] {}).await(); };
    const long bare = allocations_in(one);
    number.set(1);
    user.set("ada");
    CHECK(allocations_in(one) == bare);
  });
}
