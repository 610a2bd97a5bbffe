// SPDX-License-Identifier: BSL-1.0
#include <nakh/boost_fiber.hpp>

#include "support/fixture.hpp"

#include <nakh/inspect.hpp>
#include <nakh/nakh.hpp>
#include <nakh/testing.hpp>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <boost/fiber/all.hpp>

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace nakh;
using namespace nakh::test;
using namespace std::chrono_literals;
namespace fibers = boost::fibers;

namespace {

/// What a child process that runs `f` prints to stderr, when it is aborted by that; otherwise how it ended instead.
std::string dying_words(const std::function<void()>& f) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::dup2(ends[1], 2);
    ::close(ends[0]);
    ::close(ends[1]);
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    f();
    ::_exit(0);
  }
  ::close(ends[1]);
  std::string words;
  char part[512];
  for (ssize_t n = 0; (n = ::read(ends[0], part, sizeof part)) > 0;) words.append(part, static_cast<std::size_t>(n));
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT) return "not aborted: " + words;
  return words;
}

bool has(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

/// The processor's time that this process has used.
std::chrono::microseconds used_time() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& t) { return std::chrono::seconds(t.tv_sec) + std::chrono::microseconds(t.tv_usec); };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

}  // namespace

TEST_SUITE("boost_fiber: misuse") {
  TEST_CASE("without a scope") {
    fixture f;
    CHECK(caught([] { const boost_fiber::scope here; }) == "usage_error");
    CHECK(caught([] { static_cast<void>(boost_fiber::async([] {})); }) == "usage_error");
    f.run([] {
      CHECK(caught([] { static_cast<void>(boost_fiber::async([] {})); }) == "usage_error");
      fibers::promise<int> p;
      p.set_value(1);
      CHECK(caught([&] { static_cast<void>(boost_fiber::await(p.get_future())); }) == "usage_error");
    });
  }
  TEST_CASE("a scope where none can be") {
    fixture f;
    f.run([&] {
      const boost_fiber::scope here;
      CHECK(caught([] { const boost_fiber::scope second; }) == "usage_error");
      boost_fiber::async([&] { f.say(caught([] { const boost_fiber::scope second; })); }).await();
      CHECK(f.say.take() == "usage_error");
    });
    event_loop loop(loop_options{.clock = &f.clock});
    std::string in_callback;
    loop.call_soon([&] {
      in_callback = caught([] { const boost_fiber::scope here; });
      loop.stop();
    });
    loop.run_forever();
    CHECK(in_callback == "usage_error");
  }
  TEST_CASE("a task that blocks in a primitive of Boost's says so and what to do") {
    const std::string words = dying_words([] {
      nakh::run([] {
        const boost_fiber::scope here;
        auto t = nakh::async(task_options{.name = "culprit"}, [] {
          fibers::promise<int> never;
          never.get_future().wait();
        });
        t.await();
      });
    });
    CHECK_MESSAGE(has(words, "task 'culprit'"), words);
    CHECK_MESSAGE(has(words, "nakh::boost_fiber::await(future)"), words);
  }
  TEST_CASE("a task that yields to boost fibers by Boost's means") {
    CHECK(has(dying_words([] {
                nakh::run([] {
                  const boost_fiber::scope here;
                  boost::this_fiber::yield();
                });
              }),
              "only a boost fiber may wait there"));
  }
  TEST_CASE("a callback that blocks") {
    CHECK(has(dying_words([] {
                nakh::run([] {
                  const boost_fiber::scope here;
                  get_running_loop().call_soon([] { boost::this_fiber::sleep_for(1ms); });
                  sleep(1s);
                });
              }),
              "nakh: a callback waits in"));
  }
  TEST_CASE("a main task that joins by Boost's means") {
    CHECK(has(dying_words([] {
                nakh::run([] {
                  const boost_fiber::scope here;
                  fibers::fiber([] {}).join();
                });
              }),
              "nakh::boost_fiber::join"));
  }
}

TEST_SUITE("boost_fiber: turns") {
  TEST_CASE("boost fibers and tasks take turns in one order") {
    fixture f;
    f.run([&] {
      const boost_fiber::scope here;
      const auto speaker = [&](const char* name, auto give_up) {
        return [&f, name, give_up] {
          for (int i = 0; i < 3; ++i) {
            f.say(name, i);
            give_up();
          }
        };
      };
      auto t1 = nakh::async(speaker("t", [] { nakh::yield(); }));
      fibers::fiber b1(speaker("b", [] { boost::this_fiber::yield(); }));
      auto t2 = nakh::async(speaker("u", [] { nakh::yield(); }));
      fibers::fiber b2(speaker("c", [] { nakh::yield(); }));
      fibers::fiber b3(speaker("d", [] { boost::this_fiber::yield(); }));
      boost_fiber::join(b1);
      boost_fiber::join(b2);
      boost_fiber::join(b3);
      t1.await();
      t2.await();
    });
    CHECK(f.say.take() == "t0 b0 u0 c0 d0 t1 b1 u1 c1 d1 t2 b2 u2 c2 d2");
  }
  TEST_CASE("neither starves the other") {
    fixture f;
    f.run_in_real_time([&] {
      const boost_fiber::scope here;
      bool stop = false;
      int boost_turns = 0;
      int nakh_turns = 0;
      fibers::fiber b([&] {
        while (!stop) {
          ++boost_turns;
          boost::this_fiber::yield();
        }
      });
      fibers::fiber c([&] {
        while (!stop) boost::this_fiber::yield();
      });
      for (; nakh_turns < 1000; ++nakh_turns) nakh::yield();
      CHECK(boost_turns >= 999);
      CHECK(boost_turns <= 1001);
      sleep(1ms);  // timers come through too
      CHECK(boost_turns > 1001);
      stop = true;
      boost_fiber::join(b);
      boost_fiber::join(c);
    });
  }
  TEST_CASE("alone, a boost fiber that yields leaves the loop its timers") {
    fixture f;
    f.run_in_real_time([&] {
      const boost_fiber::scope here;
      bool stop = false;
      get_running_loop().call_later(2ms, [&] { stop = true; });
      boost_fiber::async([&] {
        while (!stop) boost::this_fiber::yield();
        stop = false;
        get_running_loop().call_later(2ms, [&] { stop = true; });
        while (!stop) nakh::yield();
      }).await();
    });
  }
  TEST_CASE("a fiber that is launched at once runs before who launches it goes on") {
    fixture f;
    f.run([&] {
      const boost_fiber::scope here;
      f.say("task");
      fibers::fiber a(fibers::launch::dispatch, [&] {
        f.say("a");
        fibers::fiber b(fibers::launch::dispatch, [&] {
          f.say("b");
          boost::this_fiber::yield();
          f.say("b");
        });
        f.say("a");
        b.join();
        f.say("a-end");
      });
      f.say("task");
      CHECK(current_task() != any_task());
      boost_fiber::join(a);
      f.say("task");
      fibers::fiber c(fibers::launch::dispatch, [&] { f.say("c"); });
      boost_fiber::join(c);
      fibers::fiber d(fibers::launch::dispatch, [&] {
        nakh::sleep(1ms);
        f.say("d");
      });
      boost_fiber::join(d);
      bool called = false;
      get_running_loop().call_soon([&] {
        fibers::fiber(fibers::launch::dispatch, [&] {
          f.say("e");
          nakh::sleep(1ms);
          f.say("e");
        }).detach();
        called = true;
        f.say("call");
      });
      nakh::sleep(2ms);
      CHECK(called);
    });
    CHECK(f.say.take() == "task a b task a b a-end task c d e call e");
  }
}

TEST_SUITE("boost_fiber: nakh's waits in a boost fiber") {
  TEST_CASE("sleep") {
    fixture f;
    f.run([&] {
      const boost_fiber::scope here;
      fibers::fiber a([&] {
        nakh::sleep(20ms);
        f.say("a", f.now());
      });
      fibers::fiber b([&] {
        nakh::sleep(10ms);
        f.say("b", f.now());
      });
      boost_fiber::join(a);
      boost_fiber::join(b);
    });
    CHECK(f.say.take() == "b10 a20");
  }
  TEST_CASE("mutex, queue, event and future, shared with tasks") {
    fixture f;
    f.run([&] {
      const boost_fiber::scope here;
      mutex m;
      queue<int> q;
      event e;
      future<int> answer;
      m.lock();
      fibers::fiber b([&] {
        m.lock();
        f.say("locked");
        m.unlock();
        f.say("got", q.get());
        e.wait();
        f.say("answer", answer.await());
      });
      nakh::yield();
      m.unlock();
      nakh::sleep(1ms);
      q.put(7);
      nakh::sleep(1ms);
      e.set();
      nakh::sleep(1ms);
      answer.set_result(42);
      boost_fiber::join(b);
      fibers::fiber p([&] { q.put(8); });
      CHECK(q.get() == 8);
      boost_fiber::join(p);
    });
    CHECK(f.say.take() == "locked got7 answer42");
  }
  TEST_CASE("tasks, gather, groups and generators") {
    fixture f;
    f.run([&] {
      const boost_fiber::scope here;
      fibers::fiber b([&] {
        CHECK(nakh::async([] { return 1; }).await() == 1);
        auto [x, y] = nakh::gather(
            [] {
              nakh::sleep(1ms);
              return 2;
            },
            [] { return 3; });
        CHECK(x + y == 5);
        int members = 0;
        task_group::run([&](task_group& g) {
          g.async([&] { ++members; });
          g.async([&] { ++members; });
        });
        CHECK(members == 2);
        CHECK(nakh::async(task_options{.eager_start = true}, [] { return 4; }).await() == 4);
        generator<int> numbers([](auto& out) {
          for (int i = 0; i < 3; ++i) {
            nakh::sleep(1ms);
            boost::this_fiber::yield();
            out(i);
          }
        });
        int sum = 0;
        for (const int n : numbers) sum += n;
        CHECK(sum == 3);
        f.say("done");
      });
      boost_fiber::join(b);
    });
    CHECK(f.say.take() == "done");
  }
  TEST_CASE("timeout") {
    fixture f;
    f.run([&] {
      const boost_fiber::scope here;
      fibers::fiber b([&] {
        f.say(caught([] { nakh::timeout(5ms, [](timeout_scope&) { nakh::sleep(1s); }); }));
        f.say("at", f.now());
      });
      boost_fiber::join(b);
    });
    CHECK(f.say.take() == "timeout_error at5");
  }
  TEST_CASE("cancellation, once, where it waits; and a late one at its next wait") {
    fixture f;
    f.run([&] {
      const boost_fiber::scope here;
      auto t = boost_fiber::async([&] {
        f.say(caught([] { nakh::sleep(1s); }));
        nakh::sleep(1ms);
        f.say("goes-on");
        fibers::mutex m;
        fibers::condition_variable c;
        std::unique_lock lock(m);
        c.wait_for(lock, 1ms);  // of Boost's: not interrupted
        f.say(caught([] { nakh::sleep(1s); }));
      });
      nakh::yield();
      t.cancel("enough");
      nakh::sleep(1ms);
      nakh::yield();
      nakh::yield();
      t.cancel();
      t.await();
      CHECK(boost_fiber::async([] { return 5; }).await() == 5);
      CHECK(caught([] { boost_fiber::async([] { throw std::runtime_error("own"); }).await(); }) == "own");
      auto never_begun = boost_fiber::async([&] { f.say("never"); });
      never_begun.cancel();
      CHECK(caught([&] { never_begun.await(); }) == "cancelled_error");
      auto ends_by_it = boost_fiber::async([] { nakh::sleep(1s); });
      nakh::yield();
      ends_by_it.cancel();
      CHECK(caught([&] { ends_by_it.await(); }) == "cancelled_error");
      CHECK(ends_by_it.cancelled());
    });
    CHECK(f.say.take() == "cancelled_error(enough) goes-on cancelled_error");
  }
  TEST_CASE("each has its own context and its own exceptions") {
    fixture f;
    f.run([&] {
      const boost_fiber::scope here;
      context_var<int> number("number", 0);
      number.set(1);
      std::vector<fibers::fiber> all;
      for (int i = 0; i < 3; ++i) {
        all.emplace_back([&, i] {
          CHECK(number.get() == 1);
          number.set(10 + i);
          try {
            throw std::runtime_error("error" + std::to_string(i));
          } catch (...) {
            boost::this_fiber::yield();
            nakh::sleep(std::chrono::milliseconds(3 - i));
            boost::this_fiber::yield();
            f.say(caught([] { throw; }));
          }
          CHECK(number.get() == 10 + i);
        });
      }
      for (auto& b : all) boost_fiber::join(b);
      CHECK(number.get() == 1);
    });
    CHECK(f.say.take() == "error2 error1 error0");
  }
  TEST_CASE("a boost fiber is a task") {
    fixture f;
    f.run([&] {
      const boost_fiber::scope here;
      CHECK(all_tasks().size() == 1);
      fibers::fiber b([&] {
        any_task self = current_task();
        CHECK(self);
        self.set_name("boosted");
        nakh::sleep(1ms);
        CHECK(current_task() == self);
        boost::this_fiber::yield();
        CHECK(current_task() == self);
        CHECK(current_task().get_name() == "boosted");
      });
      CHECK(all_tasks().size() == 2);
      boost_fiber::join(b);
      CHECK(all_tasks().size() == 1);
    });
  }
}

TEST_SUITE("boost_fiber: Boost's waits among boost fibers") {
  TEST_CASE("mutex, condition variable, channels, barrier, future") {
    fixture f;
    f.run([&] {
      const boost_fiber::scope here;
      fibers::mutex m;
      fibers::condition_variable c;
      bool ready = false;
      fibers::unbuffered_channel<int> numbers;
      fibers::buffered_channel<int> more(2);
      fibers::barrier both(2);
      auto a = boost_fiber::async([&] {
        {
          std::unique_lock lock(m);
          c.wait(lock, [&] { return ready; });
          f.say("ready");
        }
        for (const int n : numbers) f.say("n", n);
        for (const int n : more) f.say("m", n);
        both.wait();
        CHECK(fibers::async([] { return 6; }).get() == 6);
      });
      auto b = boost_fiber::async([&] {
        boost::this_fiber::yield();
        {
          const std::unique_lock lock(m);
          ready = true;
          nakh::sleep(1ms);  // with Boost's mutex held
        }
        c.notify_one();
        for (int i = 0; i < 3; ++i) numbers.push(i);
        numbers.close();
        for (int i = 0; i < 5; ++i) more.push(i);
        more.close();
        both.wait();
      });
      a.await();
      b.await();
    });
    CHECK(f.say.take() == "ready n0 n1 n2 m0 m1 m2 m3 m4");
  }
  TEST_CASE("what a task may do with them: wake, and start") {
    fixture f;
    f.run([&] {
      const boost_fiber::scope here;
      fibers::mutex m;
      fibers::condition_variable c;
      bool ready = false;
      fibers::fiber b([&] {
        std::unique_lock lock(m);
        c.wait(lock, [&] { return ready; });
        f.say("woken");
      });
      nakh::sleep(1ms);
      ready = true;
      c.notify_all();
      boost_fiber::join(b);
    });
    CHECK(f.say.take() == "woken");
  }
  TEST_CASE("sleep_for and timed waits, in the machine's time") {
    fixture f;
    const auto before = std::chrono::steady_clock::now();
    f.run([&] {
      const boost_fiber::scope here;
      fibers::fiber a([&] {
        boost::this_fiber::sleep_for(6ms);
        f.say("a");
      });
      fibers::fiber b([&] {
        boost::this_fiber::sleep_for(2ms);
        f.say("b");
        fibers::mutex m;
        fibers::condition_variable c;
        std::unique_lock lock(m);
        CHECK(c.wait_for(lock, 1ms) == fibers::cv_status::timeout);
      });
      boost_fiber::join(a);
      boost_fiber::join(b);
    });
    CHECK(std::chrono::steady_clock::now() - before >= 6ms);
    CHECK(f.say.take() == "b a");
  }
  TEST_CASE("many fibers, one after the other and at the same time") {
    fixture f;
    f.run([&] {
      const boost_fiber::scope here;
      int ended = 0;
      boost_fiber::async([&] {
        for (int i = 0; i < 1000; ++i) fibers::fiber([&] { ++ended; }).join();
        std::vector<fibers::fiber> all;
        for (int i = 0; i < 1000; ++i) {
          all.emplace_back([&] {
            nakh::sleep(1ms);
            boost::this_fiber::yield();
            ++ended;
          });
        }
        for (auto& b : all) b.join();
      }).await();
      CHECK(ended == 2000);
    });
  }
}

TEST_SUITE("boost_fiber: a task waits for Boost's") {
  TEST_CASE("a future, its error, and a move-only result") {
    fixture f;
    f.run([&] {
      const boost_fiber::scope here;
      fibers::promise<int> p;
      fibers::fiber setter([&] {
        nakh::sleep(3ms);
        p.set_value(9);
      });
      CHECK(boost_fiber::await(p.get_future()) == 9);
      CHECK(f.now() == 3);
      boost_fiber::join(setter);
      CHECK(caught([] { boost_fiber::await(fibers::async([] { throw std::runtime_error("theirs"); })); }) == "theirs");
      CHECK(*boost_fiber::await(fibers::async([] { return std::make_unique<int>(3); })) == 3);
      boost_fiber::async([&] { CHECK(boost_fiber::await(fibers::async([] { return 4; })) == 4); }).await();
    });
  }
  TEST_CASE("cancelled, the wait ends; the fiber goes on") {
    fixture f;
    f.run([&] {
      const boost_fiber::scope here;
      fibers::fiber b([&] {
        nakh::sleep(10ms);
        f.say("ends", f.now());
      });
      CHECK(caught([&] { nakh::timeout(2ms, [&](timeout_scope&) { boost_fiber::join(b); }); }) == "timeout_error");
      CHECK(f.now() == 2);
      fibers::promise<int> late;
      CHECK(caught([&] { nakh::timeout(2ms, [&](timeout_scope&) { static_cast<void>(boost_fiber::await(late.get_future())); }); }) ==
            "timeout_error");
      CHECK(f.now() == 4);
      boost_fiber::join(b);
    });
    CHECK(f.say.take() == "ends10");
  }
  TEST_CASE("a fiber that has ended, and one that has not begun") {
    fixture f;
    f.run([&] {
      const boost_fiber::scope here;
      fibers::fiber a([] {});
      nakh::sleep(1ms);
      boost_fiber::join(a);
      CHECK_FALSE(a.joinable());
      fibers::fiber b([&] { f.say("b"); });
      boost_fiber::join(b);
      fibers::fiber c([] {});
      boost_fiber::async([&] { boost_fiber::join(c); }).await();
    });
    CHECK(f.say.take() == "b");
  }
}

TEST_SUITE("boost_fiber: other threads") {
  TEST_CASE("a promise that another thread fulfils wakes a boost fiber and a task") {
    fixture f;
    f.run_in_real_time([&] {
      const boost_fiber::scope here;
      for (int i = 0; i < 50; ++i) {
        fibers::promise<int> first;
        fibers::promise<int> second;
        std::promise<void> both_wait;  // for ThreadSanitizer, which does not see Boost's mutexes
        std::thread other([&] {
          both_wait.get_future().wait();
          first.set_value(1);
          second.set_value(2);
        });
        int got = 0;
        fibers::fiber b([&, result = first.get_future()]() mutable { got = result.get(); });
        get_running_loop().call_later(1ms, [&] { both_wait.set_value(); });
        CHECK(boost_fiber::await(second.get_future()) == 2);
        boost_fiber::join(b);
        CHECK(got == 1);
        other.join();
      }
    });
  }
  TEST_CASE("idle, it uses no processor") {
    fixture f;
    f.run_in_real_time([&] {
      const boost_fiber::scope here;
      fibers::promise<int> p;
      fibers::fiber sleeper([] { boost::this_fiber::sleep_for(150ms); });
      std::promise<void> waits;
      get_running_loop().call_later(10ms, [&] { waits.set_value(); });
      std::thread other([&] {
        waits.get_future().wait();
        std::this_thread::sleep_for(200ms);
        p.set_value(1);
      });
      const auto before = used_time();
      CHECK(boost_fiber::await(p.get_future()) == 1);
      CHECK(used_time() - before < 10ms);
      boost_fiber::join(sleeper);
      other.join();
    });
  }
}

TEST_SUITE("boost_fiber: the library's tools") {
  TEST_CASE("a graph says what boost fibers wait for") {
    fixture f;
    f.run([&] {
      const boost_fiber::scope here;
      fibers::promise<void> p;
      auto in_boost = boost_fiber::async([&] { p.get_future().wait(); });
      auto in_nakh = boost_fiber::async([] { nakh::sleep(5ms); });
      auto not_begun = boost_fiber::async([] {});
      in_boost.set_name("in-boost");
      in_nakh.set_name("in-nakh");
      nakh::sleep(1ms);
      const std::string text = format_tasks(call_graph(get_running_loop()));
      CHECK_MESSAGE(has(text, "waits in Boost.Fiber"), text);
      CHECK_MESSAGE(has(text, "sleeps for"), text);
      p.set_value();
      in_boost.await();
      in_nakh.await();
      not_begun.await();
    });
  }
  TEST_CASE("debug mode looks on") {
    fixture f;
    f.run([&] {
      get_running_loop().set_debug(true);
      const boost_fiber::scope here;
      fibers::fiber a([&] {
        for (int i = 0; i < 3; ++i) {
          nakh::yield();
          boost::this_fiber::yield();
          nakh::sleep(1ms);
        }
      });
      fibers::fiber b(fibers::launch::dispatch, [&] { boost::this_fiber::yield(); });
      boost_fiber::join(a);
      boost_fiber::join(b);
    });
  }
  TEST_CASE("every order of turns") {
    int sum = 0;
    testing::explore(testing::explore_options{.seeds = 50}, [&] {
      const boost_fiber::scope here;
      fibers::mutex m;
      nakh::queue<int> q(1);
      int got = 0;
      fibers::fiber a([&] {
        for (int i = 1; i < 4; ++i) {
          const std::unique_lock lock(m);
          q.put(i);
        }
      });
      fibers::fiber b([&] {
        for (int i = 1; i < 4; ++i) {
          const std::unique_lock lock(m);
          boost::this_fiber::yield();
          nakh::yield();
        }
      });
      for (int i = 0; i < 3; ++i) got += q.get();
      boost_fiber::join(a);
      boost_fiber::join(b);
      CHECK(got == 6);
      ++sum;
    });
    CHECK(sum >= 50);
  }
  TEST_CASE("an error that ends the run at once") {
    CHECK(caught([] { boost_fiber::run([] { throw system_exit(3); }); }) == "system_exit(3)");
    CHECK(boost_fiber::run([] { return 1; }) == 1);
  }
}

TEST_SUITE("boost_fiber: begin and end") {
  TEST_CASE("run: an existing main") {
    CHECK(boost_fiber::run([] {
            fibers::fiber a([] { nakh::sleep(1ms); });
            fibers::fiber b([] { boost::this_fiber::sleep_for(1ms); });
            a.join();
            b.join();
            return fibers::async([] { return 3; }).get();
          }) == 3);
    CHECK(caught([] { boost_fiber::run([] { throw std::runtime_error("mine"); }); }) == "mine");
  }
  TEST_CASE("fibers that exist before go on in the scope, and round robin after it") {
    int turns = 0;
    fibers::promise<void> end;
    fibers::fiber before([&] {
      ++turns;
      end.get_future().wait();
      ++turns;
    });
    fixture f;
    f.run([&] {
      const boost_fiber::scope here;
      nakh::sleep(1ms);
      CHECK(turns == 1);
      end.set_value();
    });
    CHECK(turns == 2);
    before.join();
    fibers::fiber after([&] { ++turns; });
    after.join();
    CHECK(turns == 3);
  }
  TEST_CASE("the scope waits for all, and the cancellation that comes meanwhile comes later") {
    fixture f;
    f.run([&] {
      auto t = nakh::async([&] {
        {
          const boost_fiber::scope here;
          fibers::fiber([&] {
            nakh::sleep(5ms);
            f.say("fiber", f.now());
          }).detach();
        }
        f.say("left");
        nakh::sleep(1ms);
        f.say("never");
      });
      nakh::sleep(1ms);
      t.cancel();
      CHECK(caught([&] { t.await(); }) == "cancelled_error");
    });
    CHECK(f.say.take() == "fiber5 left");
  }
  TEST_CASE("an error leaves the scope: it waits on the way") {
    fixture f;
    CHECK(caught([&] {
            f.run([&] {
              const boost_fiber::scope here;
              fibers::fiber([&] {
                nakh::sleep(2ms);
                f.say("fiber");
              }).detach();
              throw std::runtime_error("out");
            });
          }) == "out");
    CHECK(f.say.take() == "fiber");
  }
  TEST_CASE("boost fibers that nobody wakes are a deadlock") {
    const std::string words = dying_words([] {
      try {
        // A sanitizer may have a thread of its own.
        nakh::run(run_options{.loop = {.deadlocks = deadlock_detection::always}}, [] {
          const boost_fiber::scope here;
          fibers::promise<void> p;
          auto t = boost_fiber::async([&] { p.get_future().wait(); });
          t.await();
        });
      } catch (const deadlock_error& e) {
        std::fputs(e.what(), stderr);
        std::abort();
      }
    });
    CHECK_MESSAGE(has(words, "waits in Boost.Fiber"), words);
  }
  TEST_CASE("one scope after the other, and in several threads at once") {
    for (int i = 0; i < 3; ++i) boost_fiber::run([] { fibers::fiber([] { nakh::yield(); }).join(); });
    std::thread other([] { boost_fiber::run([] { fibers::fiber([] { nakh::sleep(1ms); }).join(); }); });
    boost_fiber::run([] { fibers::fiber([] { nakh::sleep(1ms); }).join(); });
    other.join();
  }
}
