// SPDX-License-Identifier: BSL-1.0
#include <nakh/task_group.hpp>

#include "support/allocations.hpp"
#include "support/captured_stderr.hpp"
#include "support/fixture.hpp"

#include <nakh/gather.hpp>
#include <nakh/shield.hpp>
#include <nakh/timeout.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

using namespace nakh;
using namespace nakh::test;
using namespace std::chrono_literals;

namespace {

/// A task that is begun later than its name. (A std::optional makes GCC 12 warn of what is never uninitialized.)
template <class T = void>
class kept {
 public:
  kept& operator=(task<T> t) {
    task_ = std::make_unique<task<T>>(std::move(t));
    return *this;
  }
  task<T>& operator*() const noexcept { return *task_; }
  task<T>* operator->() const noexcept { return task_.get(); }
  void reset() noexcept { task_.reset(); }

 private:
  std::unique_ptr<task<T>> task_;
};

/// A member whose handle nobody keeps.
template <class... Args>
void spawn(task_group& g, Args&&... args) {
  static_cast<void>(g.async(std::forward<Args>(args)...));
}

/// Sleeps, and says how it ended.
auto job(trace& says, std::string name, delay d) {
  return [&says, name = std::move(name), d] {
    try {
      sleep(d);
      says(name);
      return name;
    } catch (const cancelled_error&) {
      says(name + "-cancelled");
      throw;
    }
  };
}
auto failing(std::string text, delay d = 0s) {
  return [text = std::move(text), d] {
    sleep(d);
    throw std::runtime_error(text);
  };
}
/// Sleeps for ever; once cancelled, for `cleanup` more.
auto slow_to_end(trace& says, std::string name, delay cleanup) {
  return [&says, name = std::move(name), cleanup] {
    try {
      sleep(1000h);
    } catch (const cancelled_error&) {
      sleep(cleanup);
      says(name + "-cleaned-up");
      throw;
    }
  };
}
/// Fails once it is cancelled.
auto failing_cleanup(std::string text, delay cleanup = 0s) {
  return [text = std::move(text), cleanup] {
    try {
      sleep(1000h);
    } catch (const cancelled_error&) {
      sleep(cleanup);
      throw std::runtime_error(text);
    }
  };
}

/// "[a b [c]]" for the group that leaves `f`, else as `caught`.
std::string tree_of(const exception_group& g) {
  std::string text;
  for (const std::exception_ptr& e : g.errors()) {
    if (!text.empty()) text += ' ';
    try {
      std::rethrow_exception(e);
    } catch (const exception_group& inner) {
      text += tree_of(inner);
    } catch (...) {
      text += caught(e);
    }
  }
  return "[" + text + "]";
}
template <class F>
std::string errors_of(F&& f) {
  try {
    static_cast<void>(std::forward<F>(f)());
    return "nothing";
  } catch (const exception_group& g) {
    return tree_of(g);
  } catch (...) {
    return caught(std::current_exception());
  }
}
template <class Body>
std::string group_errors(Body&& body) {
  return errors_of([&] { return task_group::run(std::forward<Body>(body)); });
}

int own_count() { return current_task().cancelling(); }

}  // namespace

// --- The group waits ---

TEST_CASE_FIXTURE(fixture, "T-tg-01: the block ends when every member has; the members' values are there then") {
  run([&] {
    kept<std::string> a;
    kept<int> b;
    task_group::run([&](task_group& g) {
      a = g.async(job(say, "a", 2s));
      b = g.async([] { return sleep(3s, 11); });
      spawn(g, job(say, "c", 1s));
      say("block");
    });
    CHECK(now() == 3000);
    CHECK(a->result() == "a");
    CHECK(b->result() == 11);
  });
  CHECK(say.take() == "block c a");
}

TEST_CASE_FIXTURE(fixture, "T-tg-01: members that are added one after the other") {
  run([&] {
    task_group::run([&](task_group& g) {
      auto a = g.async(job(say, "a", 1s));
      sleep(1500ms);
      CHECK(a.result() == "a");
      spawn(g, job(say, "b", 2s));
    });
    CHECK(now() == 3500);
  });
  CHECK(say.take() == "a b");
}

TEST_CASE_FIXTURE(fixture, "T-tg-01: the owner goes on two passes after the last member has ended") {
  run([&] {
    const future<> f;
    bool ended = false;
    auto owner = async([&] {
      task_group::run([&](task_group& g) {
        spawn(g, [&] {
          f.await();
          ended = true;
        });
      });
    });
    give_up_passes(3);
    f.set_result();
    CHECK_FALSE(ended);
    yield();
    CHECK(ended);
    CHECK_FALSE(owner.done());
    yield();
    CHECK_FALSE(owner.done());
    yield();
    CHECK(owner.done());
  });
}

TEST_CASE_FIXTURE(fixture, "T-tg-02: members add members while the group waits: they are awaited too") {
  run([&] {
    task_group::run([&](task_group& g) {
      spawn(g, [&] {
        sleep(1s);
        spawn(g, [&] {
          sleep(1s);
          spawn(g, job(say, "grandchild", 3s));
        });
        spawn(g, job(say, "child", 2s));
        say("member");
      });
      say("block");
    });
    CHECK(now() == 5000);
  });
  CHECK(say.take() == "block member child grandchild");
}

TEST_CASE_FIXTURE(fixture, "T-tg-02: the last member adds one as the last thing that it does") {
  run([&] {
    int depth = 0;
    task_group::run([&](task_group& g) {
      std::function<void()> next = [&] {
        if (++depth < 100) spawn(g, std::ref(next));
      };
      // The function itself outlives the group's block only if the group waits inside of it.
      task_group::run([&](task_group& inner) {
        std::function<void()> another = [&] {
          if (++depth < 50) spawn(inner, [&] { another(); });
        };
        spawn(inner, [&] { another(); });
        while (depth < 50) yield();
      });
      spawn(g, [&] { next(); });
      while (depth < 100) yield();
    });
    CHECK(depth == 100);
  });
}

TEST_CASE_FIXTURE(fixture, "T-tg-03: no members: the block closes without a suspension") {
  run([&] {
    get_running_loop().call_soon([&] { say("pass"); });
    task_group::run([](task_group&) {});
    CHECK(task_group::run([](task_group&) { return 5; }) == 5);
    CHECK(group_errors([](task_group&) { throw std::runtime_error("boom"); }) == "[boom]");
    say("no pass so far");
  });
  CHECK(say.take() == "no pass so far pass");
}

TEST_CASE_FIXTURE(fixture, "T-tg-03: nor when the members have ended before the block does") {
  run([&] {
    task_group::run([&](task_group& g) {
      spawn(g, [] {});
      give_up_passes(2);
      get_running_loop().call_soon([&] { say("pass"); });
    });
    say("no pass so far");
  });
  CHECK(say.take() == "no pass so far pass");
}

// --- Members that are cancelled ---

TEST_CASE_FIXTURE(fixture, "T-tg-04: a member is cancelled: the others go on, and the group closes normally") {
  run([&] {
    kept<std::string> victim;
    kept<std::string> other;
    CHECK(task_group::run([&](task_group& g) {
            victim = g.async(job(say, "victim", 1h));
            other = g.async(job(say, "other", 2s));
            sleep(1s);
            CHECK(victim->cancel("why"));
            spawn(g, job(say, "later", 3s));
            sleep(500ms);
            return 7;
          }) == 7);
    CHECK(victim->cancelled());
    CHECK(other->result() == "other");
    CHECK(now() == 4000);
    CHECK(own_count() == 0);
  });
  CHECK(say.take() == "victim-cancelled other later");
}

TEST_CASE_FIXTURE(fixture, "T-tg-04: a member that ends by cancelled_error, or is cancelled before it begins, is no failure either") {
  run([&] {
    task_group::run([&](task_group& g) {
      auto unbegun = g.async([&] { say("must not run"); });
      unbegun.cancel();
      spawn(g, [] { throw cancelled_error(); });
      spawn(g, [] {
        const future<> f;
        f.cancel();
        f.await();
      });
      spawn(g, [] { current_task().cancel(); });
      spawn(g, job(say, "other", 1s));
    });
    CHECK(own_count() == 0);
  });
  CHECK(say.take() == "other");
}

// --- Members that fail ---

TEST_CASE_FIXTURE(fixture, "T-tg-05: the first member that fails: all others are cancelled, and awaited") {
  run([&] {
    kept<std::string> a;
    kept<std::string> quick;
    CHECK(group_errors([&](task_group& g) {
            a = g.async(job(say, "a", 1h));
            quick = g.async(job(say, "quick", 500ms));
            spawn(g, failing("boom", 1s));
            spawn(g, job(say, "b", 2h));
          }) == "[boom]");
    CHECK(now() == 1000);
    CHECK(a->cancelled());
    CHECK(a->cancelling() == 1);
    CHECK(quick->result() == "quick");
    CHECK(quick->cancelling() == 0);
    CHECK(own_count() == 0);
  });
  CHECK(say.take() == "quick a-cancelled b-cancelled");
}

TEST_CASE_FIXTURE(fixture, "T-tg-05: members that have not begun never do; several that fail at once are all reported") {
  run([&] {
    CHECK(group_errors([&](task_group& g) {
            spawn(g, [] { throw std::runtime_error("one"); });
            spawn(g, [] { throw 2; });
            spawn(g, [&] {
              spawn(g, [&] { say("must not run"); });
              throw std::runtime_error("three");
            });
            sleep(1h);
          }) == "[one int 2 three]");
    CHECK(now() == 0);
  });
  CHECK(say.take().empty());
}

TEST_CASE_FIXTURE(fixture, "T-tg-05: the pass in which siblings hear of a failure, and the one in which the owner goes on") {
  run([&] {
    const future<> f;
    bool sibling_ended = false;
    auto owner = async([&] {
      task_group::run([&](task_group& g) {
        spawn(g, [&] {
          f.await();
          throw std::runtime_error("boom");
        });
        spawn(g, [&] {
          caught([] { sleep(1h); });
          sibling_ended = true;
        });
      });
    });
    give_up_passes(3);
    f.set_result();
    // 1: the member fails; 2: the group hears of it; 3: the sibling is interrupted; 4: the group hears; 5: the owner goes on.
    CHECK(passes_until([&] { return sibling_ended; }) == 3);
    CHECK(passes_until([&] { return owner.done(); }) == 2);
    CHECK(errors_of([&] { owner.await(); }) == "[boom]");
  });
}

TEST_CASE_FIXTURE(fixture, "T-tg-06: the block is suspended: it gets cancelled_error there, which does not leave the group") {
  run([&] {
    CHECK(group_errors([&](task_group& g) {
            spawn(g, failing("boom", 1s));
            try {
              sleep(1h);
            } catch (const cancelled_error& e) {
              say("interrupted at", now());
              CHECK(e.reason().empty());
              CHECK(own_count() == 1);
              throw;
            }
            say("must not go on");
          }) == "[boom]");
    CHECK(own_count() == 0);
    yield();  // undisturbed
  });
  CHECK(say.take() == "interrupted at1000");
}

TEST_CASE_FIXTURE(fixture, "T-tg-06: a block that swallows its cancellation: the error is thrown at its end all the same") {
  run([&] {
    CHECK(group_errors([&](task_group& g) {
            spawn(g, failing("boom", 1s));
            spawn(g, job(say, "a", 1h));
            say(caught([] { sleep(1h); }));
            sleep(1s);  // undisturbed
            say("block ends at", now());
            return 5;
          }) == "[boom]");
    CHECK(own_count() == 0);
  });
  CHECK(say.take() == "a-cancelled cancelled_error block ends at2000");
}

TEST_CASE_FIXTURE(fixture, "T-tg-06: a block that awaits the member that fails is cancelled too, instead of getting its error twice") {
  run([&] {
    CHECK(group_errors([&](task_group& g) {
            auto bad = g.async(failing("boom", 1s));
            say(caught([&] { bad.await(); }));
            throw std::runtime_error("from the block");
          }) == "[boom from the block]");
    CHECK(own_count() == 0);
  });
  CHECK(say.take() == "cancelled_error");
}

TEST_CASE_FIXTURE(fixture, "T-tg-06: a block that awaits a sibling hands its own cancellation on: the sibling has two requests") {
  run([&] {
    kept<> sibling;
    CHECK(group_errors([&](task_group& g) {
            sibling = g.async([&] {
              say(caught([] { sleep(1h); }));
              say("count", own_count());
              sleep(1s);  // undisturbed
            });
            spawn(g, failing("boom", 1s));
            sibling->await();
            say("the block goes on");
          }) == "[boom]");
    CHECK(sibling->cancelling() == 2);
    CHECK_FALSE(sibling->cancelled());
    CHECK(own_count() == 0);
    CHECK(now() == 2000);
  });
  CHECK(say.take() == "cancelled_error count2 the block goes on");
}

TEST_CASE_FIXTURE(fixture, "T-tg-07: cancelled members that end slowly are awaited; their errors are added, cancellations are not") {
  run([&] {
    CHECK(group_errors([&](task_group& g) {
            spawn(g, slow_to_end(say, "slow", 5s));
            spawn(g, failing_cleanup("late", 7s));
            spawn(g, failing_cleanup("early", 2s));
            spawn(g, [] { caught([] { sleep(1h); }); });
            spawn(g, failing("boom", 1s));
            try {
              sleep(1h);
            } catch (const cancelled_error&) {
              throw std::runtime_error("block");
            }
          }) == "[boom early late block]");
    CHECK(now() == 8000);
    CHECK(own_count() == 0);
  });
  CHECK(say.take() == "slow-cleaned-up");
}

// --- The block throws ---

TEST_CASE_FIXTURE(fixture, "T-tg-08: the block throws: members are cancelled and awaited, then a group with its error, after theirs") {
  run([&] {
    kept<std::string> a;
    CHECK(group_errors([&](task_group& g) {
            a = g.async(job(say, "a", 1h));
            spawn(g, slow_to_end(say, "b", 2s));
            spawn(g, failing_cleanup("cleanup", 1s));
            sleep(1s);
            throw std::runtime_error("block");
          }) == "[cleanup block]");
    CHECK(now() == 3000);
    CHECK(a->cancelled());
    CHECK(own_count() == 0);
  });
  CHECK(say.take() == "a-cancelled b-cleaned-up");
}

TEST_CASE_FIXTURE(fixture, "T-tg-08: before the members have begun: none does") {
  run([&] {
    kept<> a;
    try {
      task_group::run([&](task_group& g) -> int {
        a = g.async([&] { say("must not run"); });
        throw std::runtime_error("block");
      });
      FAIL_CHECK("no error");
    } catch (const exception_group& g) {
      CHECK(g.message() == "unhandled errors in a task group");
      CHECK(g.what() == std::string("unhandled errors in a task group (1 error)\n  - std::runtime_error: block"));
      CHECK(g.errors().size() == 1);
    }
    CHECK(a->cancelled());
  });
  CHECK(say.take().empty());
}

TEST_CASE_FIXTURE(fixture, "T-tg-08: the block throws in the pass in which a member fails: both errors, nothing left over") {
  run([&] {
    CHECK(group_errors([&](task_group& g) {
            spawn(g, [] { throw std::runtime_error("member"); });
            yield();
            // The member has failed; the group has not heard of it.
            throw std::runtime_error("block");
          }) == "[member block]");
    CHECK(own_count() == 0);
    yield();
  });
}

TEST_CASE_FIXTURE(fixture, "T-tg-09: after the group's error the owner's count is as before: the block was running") {
  run([&] {
    static_cast<void>(group_errors([](task_group& g) {
      spawn(g, failing("boom"));
      sleep(1h);
    }));
    CHECK(own_count() == 0);
    sleep(1s);  // undisturbed
    // As CPython's test: the block's own cleanup throws too.
    CHECK(group_errors([](task_group& g) {
            spawn(g, [] { throw std::runtime_error("member"); });
            try {
              sleep(1h);
            } catch (const cancelled_error&) {
              throw std::runtime_error("block");
            }
          }) == "[member block]");
    CHECK(own_count() == 0);
  });
}

TEST_CASE_FIXTURE(fixture, "T-tg-09: and when the block had ended; a later timeout works") {
  run([&] {
    static_cast<void>(group_errors([](task_group& g) { spawn(g, failing("boom")); }));
    CHECK(own_count() == 0);
    CHECK(caught([] { timeout(1s, [] { sleep(1h); }); }) == "timeout_error");
    CHECK(own_count() == 0);
  });
}

TEST_CASE_FIXTURE(fixture, "T-tg-09: an owner that had a request open: it is still there, and is delivered again") {
  run([&] {
    auto owner = async([&] {
      say(caught([] { sleep(1h); }));
      CHECK(own_count() == 1);
      say(group_errors([](task_group& g) {
        spawn(g, failing("boom", 1s));
        sleep(1h);
      }));
      CHECK(own_count() == 1);
      // As CPython 3.13 and later do it: uncancel, then cancel.
      say(caught([] { sleep(1h); }));
      CHECK(own_count() == 1);
      CHECK(now() == 1000);
    });
    yield();
    yield();
    owner.cancel();
    owner.await();
  });
  CHECK(say.take() == "cancelled_error [boom] cancelled_error");
}

// --- The owner is cancelled ---

TEST_CASE_FIXTURE(fixture, "T-tg-10: the owner is cancelled in the block: its cleanup first, then the members; leaves as cancelled_error") {
  run([&] {
    kept<std::string> a;
    auto owner = async([&] {
      task_group::run([&](task_group& g) {
        a = g.async(job(say, "a", 1h));
        spawn(g, slow_to_end(say, "b", 2s));
        try {
          sleep(1h);
        } catch (const cancelled_error&) {
          CHECK(a->cancelling() == 0);
          sleep(1s);
          say("block-cleaned-up");
          CHECK(a->cancelling() == 0);
          throw;
        }
      });
    });
    sleep(1s);
    CHECK(owner.cancel("why"));
    CHECK(errors_of([&] { owner.await(); }) == "cancelled_error(why)");
    CHECK(owner.cancelled());
    CHECK(owner.cancelling() == 1);
    CHECK(a->cancelled());
    CHECK(now() == 4000);
  });
  CHECK(say.take() == "block-cleaned-up a-cancelled b-cleaned-up");
}

TEST_CASE_FIXTURE(fixture, "T-tg-10: a group without members: the same") {
  run([&] {
    auto owner = async([&] {
      task_group::run([&](task_group&) {
        say(caught([] { sleep(1h); }));
        throw cancelled_error();
      });
    });
    give_up_passes(2);
    owner.cancel();
    CHECK(errors_of([&] { owner.await(); }) == "cancelled_error");
    CHECK(owner.cancelled());
  });
  CHECK(say.take() == "cancelled_error");
}

TEST_CASE_FIXTURE(
    fixture, "T-tg-10: a cancelled_error that comes from what the block awaits leaves with its reason, and the members are cancelled") {
  run([&] {
    const future<> f;
    f.cancel("its own reason");
    CHECK(group_errors([&](task_group& g) {
            spawn(g, job(say, "a", 1h));
            yield();
            yield();
            f.await();
          }) == "cancelled_error(its own reason)");
    CHECK(own_count() == 0);
  });
  CHECK(say.take() == "a-cancelled");
}

TEST_CASE_FIXTURE(fixture, "T-tg-10: the block turns its cancellation into another error: that one, in a group, and the request stays") {
  run([&] {
    auto owner = async([&] {
      say(group_errors([](task_group&) {
        caught([] { sleep(1h); });
        throw std::runtime_error("weird");
      }));
      CHECK(own_count() == 1);
      say(caught([] { yield(); }));
      yield();  // undisturbed
    });
    give_up_passes(2);
    owner.cancel("why");
    owner.await();
  });
  CHECK(say.take() == "[weird] cancelled_error(why)");
}

TEST_CASE_FIXTURE(fixture, "T-tg-11: the owner is cancelled while the group waits: members cancelled and awaited, then cancelled_error") {
  run([&] {
    auto owner = async([&] {
      task_group::run([&](task_group& g) {
        for (int i = 0; i < 3; ++i) spawn(g, job(say, "job" + std::to_string(i), 1h));
        spawn(g, slow_to_end(say, "slow", 2s));
      });
    });
    sleep(1s);
    CHECK(owner.cancel("why"));
    CHECK(errors_of([&] { owner.await(); }) == "cancelled_error(why)");
    CHECK(owner.cancelled());
    CHECK(owner.cancelling() == 1);
    CHECK(now() == 3000);
  });
  CHECK(say.take() == "job0-cancelled job1-cancelled job2-cancelled slow-cleaned-up");
}

TEST_CASE_FIXTURE(fixture, "T-tg-11: cancelled again while the members clean up: it goes on waiting") {
  run([&] {
    auto owner = async([&] {
      task_group::run([&](task_group& g) { spawn(g, slow_to_end(say, "slow", 5s)); });
      say("must not go on");
    });
    sleep(1s);
    owner.cancel();
    sleep(1s);
    owner.cancel();
    sleep(1s);
    owner.cancel();
    CHECK(errors_of([&] { owner.await(); }) == "cancelled_error");
    CHECK(owner.cancelling() == 3);
    CHECK(now() == 6000);
  });
  CHECK(say.take() == "slow-cleaned-up");
}

TEST_CASE_FIXTURE(fixture, "T-tg-11: cancelled when the last member has ended, and the owner has not gone on yet: cancelled_error") {
  run([&] {
    const future<> f;
    for (int passes = 1; passes <= 2; ++passes) {
      const future<> last;
      auto owner = async([&] { task_group::run([&](task_group& g) { spawn(g, [&] { last.await(); }); }); });
      give_up_passes(3);
      last.set_result();
      give_up_passes(passes);
      REQUIRE_FALSE(owner.done());
      CHECK(owner.cancel());
      CHECK(errors_of([&] { owner.await(); }) == "cancelled_error");
    }
  });
}

TEST_CASE_FIXTURE(fixture, "T-tg-11: members that swallow their cancellation: the owner is cancelled all the same") {
  run([&] {
    auto owner = async([&] { task_group::run([](task_group& g) { spawn(g, [] { caught([] { sleep(1h); }); }); }); });
    give_up_passes(3);
    owner.cancel();
    CHECK(errors_of([&] { owner.await(); }) == "cancelled_error");
    CHECK(now() == 0);
  });
}

TEST_CASE_FIXTURE(fixture, "T-tg-12: the owner is cancelled and a member fails in its cleanup: the group's error wins") {
  run([&] {
    for (const bool in_block : {false, true}) {
      auto owner = async([&] {
        task_group::run([&](task_group& g) {
          spawn(g, failing_cleanup("cleanup"));
          spawn(g, failing_cleanup("slow cleanup", 1s));
          if (in_block) sleep(1h);
        });
      });
      sleep(1s);
      owner.cancel();
      CHECK(errors_of([&] { owner.await(); }) == "[cleanup slow cleanup]");
      CHECK_FALSE(owner.cancelled());
      CHECK(owner.cancelling() == 1);
    }
  });
}

TEST_CASE_FIXTURE(fixture, "T-tg-12: a member fails by itself while the cancelled block cleans up: the group's error wins") {
  run([&] {
    auto owner = async([&] {
      task_group::run([&](task_group& g) {
        spawn(g, failing("boom", 300ms));
        try {
          sleep(10s);
        } catch (const cancelled_error&) {
          // Interrupted a second time, by the group.
          say(caught([] { sleep(500ms); }));
          say("at", now());
          throw;
        }
      });
    });
    sleep(100ms);
    owner.cancel();
    CHECK(errors_of([&] { owner.await(); }) == "[boom]");
    CHECK(owner.cancelling() == 1);
  });
  CHECK(say.take() == "cancelled_error at300");
}

// --- A group that takes no more ---

TEST_CASE_FIXTURE(fixture, "T-tg-13: a task after the last member has ended: usage_error, and its body never runs") {
  run([&] {
    const future<> f;
    task_group* group = nullptr;
    auto owner = async([&] {
      task_group::run([&](task_group& g) {
        group = &g;
        spawn(g, [&] { f.await(); });
      });
    });
    give_up_passes(3);
    f.set_result();
    give_up_passes(2);  // the group has heard of the member's end, its owner has not gone on
    REQUIRE_FALSE(owner.done());
    try {
      spawn(*group, [&] { say("must not run"); });
      FAIL_CHECK("no error");
    } catch (const usage_error& e) {
      CHECK(e.what() == std::string("nakh: the task group has ended; it takes no more tasks"));
    }
    owner.await();
    give_up_passes(3);
  });
  CHECK(say.take().empty());
}

TEST_CASE_FIXTURE(fixture, "T-tg-13: the closure that a group refuses is not even copied") {
  run([&] {
    const auto token = std::make_shared<int>(0);
    CHECK(group_errors([&](task_group& g) {
            spawn(g, failing("boom"));
            caught([] { sleep(1h); });
            const auto refused = [token] {};
            CHECK(caught([&] { spawn(g, refused); }) == "usage_error");
            CHECK(token.use_count() == 2);
          }) == "[boom]");
    CHECK(token.use_count() == 1);
  });
}

TEST_CASE_FIXTURE(fixture, "T-tg-14: a task while the group shuts down: usage_error in the caller") {
  run([&] {
    CHECK(group_errors([&](task_group& g) {
            spawn(g, failing("boom", 1s));
            spawn(g, [&] {
              caught([] { sleep(1h); });
              try {
                spawn(g, [&] { say("must not run"); });
                FAIL_CHECK("no error");
              } catch (const usage_error& e) {
                CHECK(e.what() == std::string("nakh: the task group shuts down; it takes no more tasks"));
                say("refused");
              }
            });
            caught([] { sleep(1h); });
            CHECK(caught([&] { spawn(g, task_options{.name = "x"}, [&] { say("must not run"); }); }) == "usage_error");
          }) == "[boom]");
    // Who does not handle it fails with it, like with any error.
    CHECK(group_errors([&](task_group& g) {
            spawn(g, failing("boom", 1s));
            spawn(g, [&] {
              caught([] { sleep(1h); });
              spawn(g, [&] { say("must not run"); });
            });
          }) == "[boom usage_error]");
  });
  CHECK(say.take() == "refused");
}

TEST_CASE_FIXTURE(fixture, "T-tg-14: also when the block has thrown, or the owner was cancelled") {
  run([&] {
    const auto late = [&](task_group& g) {
      return [&] {
        caught([] { sleep(1h); });
        say(caught([&] { spawn(g, [&] { say("must not run"); }); }));
      };
    };
    CHECK(group_errors([&](task_group& g) {
            spawn(g, late(g));
            give_up_passes(2);
            throw std::runtime_error("block");
          }) == "[block]");
    auto owner = async([&] { task_group::run([&](task_group& g) { spawn(g, late(g)); }); });
    give_up_passes(3);
    owner.cancel();
    CHECK(errors_of([&] { owner.await(); }) == "cancelled_error");
  });
  CHECK(say.take() == "usage_error usage_error");
}

TEST_CASE_FIXTURE(fixture,
                  "T-tg-14: a block that was cancelled, and has not shut the group down yet, may still add members, which are cancelled") {
  run([&] {
    auto owner = async([&] {
      task_group::run([&](task_group& g) {
        try {
          sleep(1h);
        } catch (const cancelled_error&) {
          spawn(g, job(say, "late", 1h));
          yield();
          yield();
          throw;
        }
      });
    });
    give_up_passes(2);
    owner.cancel();
    CHECK(errors_of([&] { owner.await(); }) == "cancelled_error");
  });
  CHECK(say.take() == "late-cancelled");
}

TEST_CASE("T-tg-15: a group cannot be entered twice: only run makes one, for one block") {
  static_assert(!std::is_default_constructible_v<task_group>);
  static_assert(!std::is_copy_constructible_v<task_group>);
  static_assert(!std::is_move_constructible_v<task_group>);
  static_assert(!std::is_copy_assignable_v<task_group>);
}

// --- Groups in groups ---

TEST_CASE_FIXTURE(fixture, "T-tg-16: an inner group's error that is handled in the outer block leaves the outer group alone") {
  run([&] {
    kept<std::string> outer_member;
    task_group::run([&](task_group& outer) {
      outer_member = outer.async(job(say, "outer", 5s));
      say(group_errors([&](task_group& inner) {
        spawn(inner, failing("boom", 1s));
        spawn(inner, job(say, "inner", 1h));
        sleep(1h);
      }));
      CHECK(own_count() == 0);
      CHECK(outer_member->cancelling() == 0);
      spawn(outer, job(say, "another", 1s));
    });
    CHECK(outer_member->result() == "outer");
    CHECK(now() == 5000);
  });
  CHECK(say.take() == "inner-cancelled [boom] another outer");
}

TEST_CASE_FIXTURE(fixture, "T-tg-17: an inner group's error that is not handled: a group in a group") {
  run([&] {
    CHECK(group_errors([&](task_group& outer) {
            spawn(outer, job(say, "outer", 1h));
            task_group::run([&](task_group& inner) {
              spawn(inner, failing("boom", 1s));
              spawn(inner, job(say, "inner", 1h));
            });
          }) == "[[boom]]");
    CHECK(own_count() == 0);
    // The inner one in a member, the errors of its cleanup among them.
    CHECK(group_errors([&](task_group& outer) {
            spawn(outer, [] {
              task_group::run([](task_group& inner) {
                spawn(inner, failing("one", 1s));
                spawn(inner, failing_cleanup("two"));
                yield();
                throw std::runtime_error("three");
              });
            });
            spawn(outer, failing_cleanup("four", 3s));
          }) == "[[two three] four]");
  });
  CHECK(say.take() == "inner-cancelled outer-cancelled");
}

TEST_CASE_FIXTURE(fixture,
                  "T-tg-17: an outer member fails: the inner group's members are cancelled, and only the outer error is reported") {
  run([&] {
    CHECK(group_errors([&](task_group& outer) {
            spawn(outer, failing("boom", 1s));
            task_group::run([&](task_group& inner) {
              spawn(inner, job(say, "inner", 1h));
              spawn(inner, failing("too late", 10s));
            });
            say("must not go on");
          }) == "[boom]");
    CHECK(now() == 1000);
    CHECK(own_count() == 0);
  });
  CHECK(say.take() == "inner-cancelled");
}

TEST_CASE_FIXTURE(fixture, "T-tg-17: the owner is cancelled, and members of the inner group fail in their cleanup: a group in a group") {
  run([&] {
    auto owner = async([&] {
      task_group::run([&](task_group& outer) {
        spawn(outer, job(say, "outer", 1h));
        task_group::run([&](task_group& inner) {
          for (int i = 0; i < 3; ++i) spawn(inner, failing_cleanup("cleanup"));
          sleep(1h);
        });
      });
    });
    sleep(1s);
    owner.cancel();
    CHECK(errors_of([&] { owner.await(); }) == "[[cleanup cleanup cleanup]]");
  });
  CHECK(say.take() == "outer-cancelled");
}

TEST_CASE_FIXTURE(fixture,
                  "T-tg-18: a member fails and the owner is cancelled in the same pass: the group's error, then the cancellation") {
  run([&] {
    for (const bool cancelled_first : {false, true}) {
      CAPTURE(cancelled_first);
      const future<> f;
      auto owner = async([&] {
        say(group_errors([&](task_group& g) {
          spawn(g, [&] {
            f.await();
            throw std::runtime_error("boom");
          });
          sleep(1h);
          say("must not go on");
        }));
        CHECK(own_count() == 1);
        sleep(1h);
        say("must not go on either");
      });
      give_up_passes(3);
      f.set_result();
      if (!cancelled_first) yield();  // now the member has failed, and the group will hear of it in the next pass
      CHECK(owner.cancelling() == 0);
      owner.cancel();
      CHECK(owner.cancelling() == 1);
      CHECK(errors_of([&] { owner.await(); }) == "cancelled_error");
      CHECK(owner.cancelled());
      CHECK(owner.cancelling() == 1);
    }
  });
  CHECK(say.take() == "[boom] [boom]");
}

TEST_CASE_FIXTURE(fixture, "T-tg-18: cancelled while the group waits for its members to end after a failure: the same") {
  run([&] {
    auto owner = async([&] {
      say(group_errors([&](task_group& g) {
        spawn(g, failing("boom", 1s));
        spawn(g, slow_to_end(say, "slow", 2s));
      }));
      CHECK(own_count() == 1);
      CHECK(now() == 3000);
      say(caught([] { sleep(1h); }));
      yield();  // once
    });
    sleep(2s);
    owner.cancel("why");
    owner.await();
  });
  CHECK(say.take() == "slow-cleaned-up [boom] cancelled_error(why)");
}

TEST_CASE_FIXTURE(fixture,
                  "T-tg-19: inner and outer group fail in the same pass: the inner error, one request for the outer, then its own") {
  run([&] {
    CHECK(group_errors([&](task_group& outer) {
            say(group_errors([&](task_group& inner) {
              spawn(inner, failing("inner"));
              spawn(outer, failing("outer"));
            }));
            CHECK(own_count() == 1);
            say("outer block");
          }) == "[outer]");
    CHECK(own_count() == 0);
    yield();  // undisturbed
    // The same, and the outer block suspends: it is interrupted there.
    CHECK(group_errors([&](task_group& outer) {
            say(group_errors([&](task_group& inner) {
              spawn(outer, failing("outer"));
              spawn(inner, failing("inner"));
              sleep(1h);
            }));
            CHECK(own_count() == 1);
            say(caught([] { sleep(1h); }));
          }) == "[outer]");
    CHECK(own_count() == 0);
    CHECK(now() == 0);
  });
  CHECK(say.take() == "[inner] outer block [inner] cancelled_error");
}

// --- Deadlines ---

TEST_CASE_FIXTURE(fixture, "T-tmo-17, T-tg-20: a deadline around the group: members cancelled and awaited, then timeout_error") {
  run([&] {
    CHECK(errors_of([&] {
            timeout(1s, [&] {
              task_group::run([&](task_group& g) {
                spawn(g, job(say, "a", 1h));
                spawn(g, slow_to_end(say, "b", 2s));
                sleep(1h);
              });
            });
          }) == "timeout_error");
    CHECK(now() == 3000);
    CHECK(own_count() == 0);
  });
  CHECK(say.take() == "a-cancelled b-cleaned-up");
}

TEST_CASE_FIXTURE(fixture, "T-tmo-17: a deadline around the group, and a member fails in its cleanup: the group's error instead") {
  run([&] {
    CHECK(errors_of([&] {
            timeout(1s, [&] {
              task_group::run([&](task_group& g) {
                spawn(g, failing_cleanup("cleanup", 1s));
                sleep(1h);
              });
            });
          }) == "[cleanup]");
    CHECK(now() == 2000);
    CHECK(own_count() == 0);
    CHECK(get_running_loop().pending_timers() == 0);
  });
}

TEST_CASE_FIXTURE(fixture, "T-tg-20: a deadline inside the block, handled there: the group is unaffected") {
  run([&] {
    task_group::run([&](task_group& g) {
      spawn(g, job(say, "a", 2s));
      say(caught([] { timeout(1s, [] { sleep(1h); }); }));
    });
    CHECK(now() == 2000);
  });
  CHECK(say.take() == "timeout_error a");
}

TEST_CASE_FIXTURE(fixture, "T-tg-21: a member's own timeout that expires unhandled is a failure like any other") {
  run([&] {
    CHECK(group_errors([&](task_group& g) {
            spawn(g, [] { timeout(1s, [] { sleep(1h); }); });
            spawn(g, job(say, "a", 1h));
          }) == "[timeout_error]");
    CHECK(now() == 1000);
    CHECK(own_count() == 0);
  });
  CHECK(say.take() == "a-cancelled");
}

// --- Fatal errors, and errors of any type ---

TEST_CASE_FIXTURE(fixture, "T-tg-23: the block throws a fatal error: members are cancelled and awaited, and it leaves bare") {
  run([&] {
    CHECK(group_errors([&](task_group& g) {
            spawn(g, job(say, "a", 1h));
            spawn(g, failing_cleanup("lost"));
            give_up_passes(2);
            throw system_exit(3);
          }) == "system_exit(3)");
    // The same when a member has failed before.
    CHECK(group_errors([&](task_group& g) {
            spawn(g, failing("lost", 1s));
            caught([] { sleep(1h); });
            throw keyboard_interrupt();
          }) == "keyboard_interrupt");
  });
  CHECK(say.take() == "a-cancelled");
}

TEST_CASE_FIXTURE(loop_fixture, "T-tg-23: a member throws a fatal error: it leaves the loop at once, and the group bare") {
  auto owner = loop.create_task([&] {
    say(group_errors([&](task_group& g) {
      spawn(g, job(say, "a", 1h));
      spawn(g, failing_cleanup("lost"));
      spawn(g, [] {
        sleep(1s);
        throw system_exit(3);
      });
      sleep(1h);
    }));
  });
  CHECK(caught([&] { loop.run_until_complete(owner); }) == "system_exit(3)");
  CHECK_FALSE(owner.done());
  CHECK(say.take().empty());
  loop.run_until_complete(owner);
  CHECK(say.take() == "a-cancelled system_exit(3)");
}

TEST_CASE_FIXTURE(fixture, "T-tg-23: a member's fatal error leaves run") {
  const auto block = [&] {
    task_group::run([&](task_group& g) {
      spawn(g, job(say, "a", 1h));
      spawn(g, [] { throw system_exit(3); });
    });
  };
  captured_stderr printed;
  CHECK(caught([&] { nakh::run(run_options{.clock = &clock, .loop = {}, .loop_factory = {}}, block); }) == "system_exit(3)");
  CHECK(say.take() == "a-cancelled");
  CHECK(printed.text().empty());
  // Closed by hand the same error is thrown once more, as asyncio.Runner.close does: it is how the block ends.
  runner r(run_options{.clock = &clock, .loop = {}, .loop_factory = {}});
  CHECK(caught([&] { r.run(block); }) == "system_exit(3)");
  CHECK(say.take().empty());
  CHECK(caught([&] { r.close(); }) == "system_exit(3)");
  CHECK(say.take() == "a-cancelled");
}

TEST_CASE_FIXTURE(fixture, "T-tg-24: errors of any type: the group is an exception_group") {
  run([&] {
    CHECK(group_errors([](task_group& g) {
            spawn(g, [] { throw 42; });
            spawn(g, [] { throw std::string("text"); });
            spawn(g, [] { throw std::runtime_error("boom"); });
            try {
              sleep(1h);
            } catch (const cancelled_error&) {
              throw 43;
            }
          }) == "[int 42 something else boom int 43]");
  });
}

// --- Long lives, many members ---

TEST_CASE_FIXTURE(fixture, "T-tg-25: finished members are released at once") {
  run([&] {
    const auto token = std::make_shared<int>(0);
    task_group::run([&](task_group& g) {
      for (int i = 0; i < 10; ++i) {
        spawn(g, [token] {
          sleep(300ms);
          return token;
        });
        sleep(100ms);
        if (i == 5) CHECK(token.use_count() < 1 + 5);
      }
      sleep(1350ms);
      CHECK(token.use_count() == 1);
      auto kept = g.async([token] { return token; });
      kept.await();
      CHECK(token.use_count() == 2);
    });
  });
}

TEST_CASE_FIXTURE(fixture, "T-tg-25: a group through which many members go does not grow") {
  if (!allocations_are_ours()) return;
  run([&] {
    task_group::run([&](task_group& g) {
      const auto hundred = [&] {
        for (int i = 0; i < 100; ++i) {
          spawn(g, [] {});
          give_up_passes(2);
        }
      };
      hundred();
      const long before = blocks_alive;
      for (int i = 0; i < 10; ++i) hundred();
      CHECK(blocks_alive - before <= 4);
    });
  });
}

TEST_CASE_FIXTURE(fixture, "T-tg-26: members keep adding members while one fails: the group shuts down") {
  run([&] {
    int hydras = 0;
    const auto errors = group_errors([&](task_group& g) {
      std::function<void()> hydra = [&] {
        ++hydras;
        sleep(10ms);
        spawn(g, hydra);
        spawn(g, hydra);
      };
      spawn(g, hydra);
      spawn(g, [&] {
        while (hydras < 10) sleep(15ms);
        throw std::runtime_error("hercules");
      });
      sleep(1h);
    });
    CHECK(errors == "[hercules]");
    CHECK(hydras >= 10);
    CHECK(hydras < 100);
    CHECK(all_tasks().size() == 1);
  });
}

TEST_CASE_FIXTURE(fixture, "T-tg-28: members are cancelled in the order of their creation, whichever ended and came between") {
  run([&] {
    CHECK(group_errors([&](task_group& g) {
            for (int i = 0; i < 5; ++i) spawn(g, job(say, std::to_string(i), i == 2 ? delay(500ms) : delay(1h)));
            spawn(g, failing("boom", 1s));
            for (int i = 5; i < 8; ++i) spawn(g, job(say, std::to_string(i), 1h));
            sleep(1h);
          }) == "[boom]");
  });
  CHECK(say.take() == "2 0-cancelled 1-cancelled 3-cancelled 4-cancelled 5-cancelled 6-cancelled 7-cancelled");
}

TEST_CASE_FIXTURE(fixture, "a thousand members") {
  run([&] {
    int ended = 0;
    task_group::run([&](task_group& g) {
      for (int i = 0; i < 1000; ++i) {
        spawn(g, task_options{.stack_size = 16 * 1024}, [&ended, i] {
          sleep(std::chrono::milliseconds(i % 7));
          ++ended;
        });
      }
    });
    CHECK(ended == 1000);
    int cancelled = 0;
    CHECK(group_errors([&](task_group& g) {
            for (int i = 0; i < 1000; ++i) {
              spawn(g, task_options{.stack_size = 16 * 1024}, [&cancelled] {
                caught([] { sleep(1h); });
                ++cancelled;
              });
            }
            spawn(g, failing("boom", 1s));
          }) == "[boom]");
    CHECK(cancelled == 1000);
    try {
      task_group::run([](task_group& g) {
        for (int i = 0; i < 1000; ++i) spawn(g, task_options{.stack_size = 16 * 1024}, [i] { throw i; });
      });
    } catch (const exception_group& g) {
      REQUIRE(g.errors().size() == 1000);
      CHECK(caught(g.errors().front()) == "int 0");
      CHECK(caught(g.errors().back()) == "int 999");
    }
  });
}

TEST_CASE_FIXTURE(fixture, "a hundred groups in each other: cancelled, and failing at the bottom") {
  run([&] {
    future<> bottom;
    std::function<void(int)> nest = [&](int depth) {
      if (depth == 0) {
        bottom.await();
        throw std::runtime_error("boom");
      }
      task_group::run([&](task_group& g) { spawn(g, [&nest, depth] { nest(depth - 1); }); });
    };
    auto cancelled = async([&] { nest(100); });
    while (all_tasks().size() < 102) yield();
    cancelled.cancel("why");
    CHECK(errors_of([&] { cancelled.await(); }) == "cancelled_error(why)");
    CHECK(bottom.cancelled());  // by who awaited it
    bottom = future<>();
    auto fails = async([&] { nest(100); });
    while (all_tasks().size() < 102) yield();
    bottom.set_result();
    CHECK(errors_of([&] { fails.await(); }) == std::string(100, '[') + "boom" + std::string(100, ']'));
  });
}

// --- Results ---

TEST_CASE_FIXTURE(fixture, "the block's result may be nothing, a value, a reference, move-only") {
  run([&] {
    static_assert(std::is_void_v<decltype(task_group::run([](task_group&) {}))>);
    int value = 1;
    task_group::run([&](task_group& g) -> int& {
      spawn(g, [&] { value = 2; });
      return value;
    }) += 5;
    CHECK(value == 7);
    CHECK(*task_group::run([](task_group& g) {
      spawn(g, [] { sleep(1s); });
      return std::make_unique<int>(4);
    }) == 4);
    auto owned = std::make_unique<int>(8);
    CHECK(*task_group::run([&](task_group&) -> std::unique_ptr<int>&& { return std::move(owned); }) == 8);
    // A body that may be called once.
    CHECK(task_group::run([p = std::make_unique<int>(6)](task_group&) mutable { return std::exchange(*p, 0); }) == 6);
  });
}

TEST_CASE_FIXTURE(fixture, "the block's result is dropped when a member fails after it") {
  run([&] {
    const auto token = std::make_shared<int>(0);
    CHECK(group_errors([&](task_group& g) {
            spawn(g, failing("boom", 1s));
            return token;
          }) == "[boom]");
    CHECK(token.use_count() == 1);
  });
}

TEST_CASE_FIXTURE(fixture, "arguments, options and results of members") {
  run([&] {
    int sum = 0;
    task_group::run([&](task_group& g) {
      auto one = g.async([](int a) { return a; }, 1);
      auto two = g.async([](int a, int b) { return a + b; }, 1, 1);
      auto four = g.async([](int a, int b, int c, std::unique_ptr<int> d) { return a + b + c + *d; }, 1, 1, 1, std::make_unique<int>(1));
      auto reference = g.async([&](int& s) -> int& { return ++s; }, std::ref(sum));
      auto named = g.async(task_options{.name = "yolo"}, [](int a) { return a; }, 5);
      CHECK(named.get_name() == "yolo");
      CHECK(one.await() + two.await() + four.await() + named.await() == 12);
      CHECK(&reference.await() == &sum);
    });
    CHECK(sum == 1);
  });
}

TEST_CASE_FIXTURE(fixture, "a member's error is the group's: nobody hears of it twice, whoever keeps the handle") {
  run([&] {
    kept<> bad;
    CHECK(group_errors([&](task_group& g) {
            bad = g.async(failing("boom"));
            spawn(g, failing("another"));
          }) == "[boom another]");
    CHECK(caught(bad->exception()) == "boom");
    bad.reset();
  });
  CHECK(reports.empty());
}

// --- Misuse ---

TEST_CASE_FIXTURE(loop_fixture, "run outside a loop, and outside a task: usage_error, and the block is not called") {
  const auto try_it = [&] {
    try {
      task_group::run([&](task_group&) { say("must not run"); });
      FAIL_CHECK("no error");
    } catch (const usage_error& e) {
      CHECK(e.what() == std::string("nakh: a task group belongs to a task, and this is none; use it inside nakh::async or nakh::run"));
      say("refused");
    }
  };
  try_it();
  loop.call_soon(try_it);
  loop.run_until_complete([] { yield(); });
  CHECK(say.take() == "refused refused");
}

TEST_CASE_FIXTURE(loop_fixture, "a group that is used while its loop stands still: usage_error, and it works on later") {
  task_group* group = nullptr;
  auto owner = loop.create_task([&] {
    task_group::run([&](task_group& g) {
      group = &g;
      sleep(1s);
      spawn(g, job(say, "a", 1s));
    });
  });
  loop.run_until_complete([] { yield(); });
  CHECK(caught([&] { spawn(*group, [&] { say("must not run"); }); }) == "usage_error");
  loop.run_until_complete(owner);
  CHECK(say.take() == "a");
}

TEST_CASE_FIXTURE(fixture, "a plain callback, and another task, may add members") {
  run([&] {
    task_group::run([&](task_group& g) {
      get_running_loop().call_soon([&] { spawn(g, job(say, "from a callback", 2s)); });
      auto other = async([&] { spawn(g, job(say, "from a task", 1s)); });
      other.await();
    });
    CHECK(now() == 2000);
  });
  CHECK(say.take() == "from a task from a callback");
}

TEST_CASE_FIXTURE(fixture, "a member that cannot be made: the error of async, and the group goes on") {
  run([&] {
    task_group::run([&](task_group& g) {
      CHECK(caught([&] { spawn(g, task_options{.stack_size = 1}, [&] { say("must not run"); }); }) == "invalid_argument");
      struct thrower {
        thrower() = default;
        thrower(const thrower&) { throw std::runtime_error("copy"); }
        void operator()() const {}
      };
      const thrower f;
      CHECK(caught([&] { spawn(g, f); }) == "copy");
      spawn(g, job(say, "a", 1s));
    });
  });
  CHECK(say.take() == "a");
}

TEST_CASE_FIXTURE(fixture, "a member cancels its owner") {
  run([&] {
    auto owner = async([&] {
      const any_task me = current_task();
      task_group::run([&](task_group& g) {
        spawn(g, job(say, "a", 1h));
        spawn(g, [me] {
          yield();
          me.cancel("by a member");
        });
        sleep(1h);
      });
    });
    CHECK(errors_of([&] { owner.await(); }) == "cancelled_error(by a member)");
  });
  CHECK(say.take() == "a-cancelled");
}

TEST_CASE_FIXTURE(fixture, "shielded work of a member goes on after the group") {
  run([&] {
    kept<std::string> work;
    CHECK(group_errors([&](task_group& g) {
            spawn(g, [&] {
              work = async(job(say, "work", 5s));
              shield(*work).await();
            });
            spawn(g, failing("boom", 1s));
          }) == "[boom]");
    CHECK(now() == 1000);
    CHECK(work->await() == "work");
  });
  CHECK(say.take() == "work");
}

// --- Destructors, closing, memory ---

TEST_CASE_FIXTURE(fixture, "a group in a destructor, while an error or a cancellation unwinds the stack: it waits for its members") {
  struct cleanup {
    trace& says;
    ~cleanup() {
      task_group::run([this](task_group& g) {
        spawn(g, job(says, "a", 1s));
        spawn(g, job(says, "b", 2s));
      });
      says(group_errors([](task_group& g) {
        spawn(g, failing("in a destructor", 1s));
        spawn(g, [] { sleep(1h); });
      }));
    }
  };
  run([&] {
    CHECK(caught([&] {
            const cleanup c{say};
            throw std::runtime_error("boom");
          }) == "boom");
    CHECK(now() == 3000);
    CHECK(own_count() == 0);
    CHECK(say.take() == "a b [in a destructor]");

    auto cancelled = async([&] {
      const cleanup c{say};
      sleep(1h);
    });
    sleep(1s);
    cancelled.cancel("why");
    CHECK(caught([&] { cancelled.await(); }) == "cancelled_error(why)");
    CHECK(now() == 7000);
    CHECK(say.take() == "a b [in a destructor]");
  });
}

TEST_CASE_FIXTURE(fixture, "a group inside a catch block, and another task's error meanwhile: `throw;` throws the right one") {
  run([&] {
    CHECK(caught([&] {
            try {
              throw std::runtime_error("mine");
            } catch (...) {
              CHECK(group_errors([](task_group& g) { spawn(g, failing("other", 1s)); }) == "[other]");
              throw;
            }
          }) == "mine");
  });
}

TEST_CASE_FIXTURE(loop_fixture, "a loop that is closed while a group waits, while its block does, and before anything has begun") {
  const auto token = std::make_shared<int>(0);
  std::vector<task<>> owners;
  for (const bool in_block : {false, true}) {
    owners.push_back(loop.create_task([&, token, in_block] {
      task_group::run([&](task_group& g) {
        spawn(g, [&say = say, token] { job(say, "a", 1h)(); });
        spawn(g, [token] { caught([] { sleep(1h); }); });
        spawn(g, failing_cleanup("lost"));
        if (in_block) sleep(1h);
      });
    }));
  }
  loop.run_until_complete([] { give_up_passes(3); });
  owners.push_back(loop.create_task([token] { task_group::run([](task_group& g) { spawn(g, [] {}); }); }));
  loop.close();
  CHECK(std::all_of(owners.begin(), owners.end(), [](const auto& t) { return t.done(); }));
  CHECK(owners[2].cancelled());
  for (const auto& t : {owners[0], owners[1]}) CHECK(caught(t.exception()) != "nothing");
  owners.clear();
  CHECK(token.use_count() == 1);
  CHECK(say.take() == "a-cancelled a-cancelled");
  std::erase_if(reports, [](const report& r) { return r.message == "Task was destroyed but it is pending"; });
}

TEST_CASE_FIXTURE(loop_fixture, "a loop that is closed when the members have ended, and their group has not heard of it") {
  const auto token = std::make_shared<int>(0);
  {
    auto owner = loop.create_task([token] {
      task_group::run([&](task_group& g) {
        spawn(g, [token] { return token; });
        spawn(g, [token] { throw std::runtime_error("boom"); });
      });
    });
    for (int i = 0; i < 2; ++i) {
      loop.stop();
      loop.run_forever();
    }
    CHECK_FALSE(owner.done());
    loop.close();
    CHECK(owner.done());
    CHECK(caught(owner.exception()) != "nothing");
  }
  CHECK(token.use_count() == 1);
  std::erase_if(reports, [](const report& r) { return r.message == "Task was destroyed but it is pending"; });
}

TEST_CASE_FIXTURE(fixture, "run ends while a group waits in a task of its own: its members are cancelled") {
  kept<> owner;
  run([&] {
    owner = async([&] {
      task_group::run([&](task_group& g) {
        spawn(g, job(say, "a", 1h));
        spawn(g, slow_to_end(say, "b", 1s));
      });
    });
    sleep(1s);
  });
  CHECK(owner->cancelled());
  CHECK(say.take() == "a-cancelled b-cleaned-up");
  owner.reset();
}

namespace {

constexpr int group_sum = 3 + 7 + 100;

int groups_of_all_kinds() {
  int sum = 0;
  task_group::run([&](task_group& g) {
    spawn(g, [&] {
      sleep(1s);
      ++sum;
      spawn(g, [&] { ++sum; });
    });
    spawn(g, task_options{.name = "a name that is too long to stand in a string itself"}, [&](int n) { sum += n; }, 1);
  });
  try {
    task_group::run([&](task_group& g) {
      spawn(g, [] {
        sleep(1s);
        throw std::runtime_error("a message that is too long to stand in a string itself");
      });
      spawn(g, [] { sleep(1h); });
      task_group::run([](task_group& inner) {
        spawn(inner, [] {
          try {
            sleep(1h);
          } catch (const cancelled_error&) {
            throw std::runtime_error("another message that is too long to stand in a string itself");
          }
        });
        sleep(1h);
      });
    });
  } catch (const exception_group& errors) {
    if (errors.errors().size() == 2) sum += 7;
  }
  task_group::run([&](task_group& g) {
    for (int i = 0; i < 100; ++i) {
      spawn(g, task_options{.stack_size = 16 * 1024}, [&] {
        yield();
        ++sum;
      });
    }
  });
  return sum;
}

struct outcome_without_memory {
  std::string error = "nothing";
  int result = 0;
  bool passed_whole = false;  ///< No allocation failed.
  long blocks_left = 0;
};

/// Runs groups in a thread of its own, whose pools are empty, while the `k`th allocation fails.
outcome_without_memory groups_with_failure(long k, bool and_rest) {
  outcome_without_memory out;
  out.error.reserve(1000);  // is no leak
  const auto says = [&out](std::string_view error) { out.error.assign(error); };
  const long blocks_before = blocks_alive;
  std::thread([&] {
    virtual_clock time;
    event_loop loop(loop_options{.clock = &time});
    loop.set_exception_handler([](event_loop&, const exception_context&) {});
    loop.run_until_complete([] {});
    allocator.left = k;
    allocator.and_rest = and_rest;
    std::exception_ptr error;
    try {
      out.result = loop.run_until_complete(groups_of_all_kinds);
    } catch (...) {
      error = std::current_exception();
    }
    out.passed_whole = allocator.left > 0;
    allocator = {};
    if (error) {
      try {
        std::rethrow_exception(error);
      } catch (const exception_group& g) {
        says(tree_of(g));
      } catch (...) {
        says(caught(error));
      }
    }
    loop.close();
  }).join();
  out.blocks_left = blocks_alive - blocks_before;
  return out;
}

}  // namespace

TEST_CASE_FIXTURE(fixture,
                  "each allocation fails in turn, for once or for good: bad_alloc or stack_exhausted, alone or in the group, and no leak") {
  if (!allocations_are_ours()) return;
  CHECK(groups_with_failure(1'000'000, false).result == group_sum);
  for (const bool and_rest : {false, true}) {
    CAPTURE(and_rest);
    int failed = 0;
    for (long k = 0;; ++k) {
      CAPTURE(k);
      const auto out = groups_with_failure(k, and_rest);
      REQUIRE(out.blocks_left == 0);
      if (out.error != "nothing") {
        const bool is_named = out.error.find("bad_alloc") != std::string::npos || out.error == "[stack_exhausted]";
        CHECK_MESSAGE(is_named, out.error);
        ++failed;
      }
      if (out.passed_whole) break;
    }
    CHECK(failed > 10);
  }
}
