// SPDX-License-Identifier: BSL-1.0
#include <nakh/future.hpp>

#include "support/captured_stderr.hpp"
#include "support/fixture.hpp"

#include <nakh/gather.hpp>
#include <nakh/task.hpp>
#include <nakh/wait.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

using namespace nakh;
using namespace nakh::test;
using namespace std::chrono_literals;

TEST_CASE_FIXTURE(fixture, "T-fut-01: a pending future has neither result nor error") {
  run([&] {
    const future<int> f;
    CHECK_FALSE(f.done());
    CHECK_FALSE(f.cancelled());
    CHECK(caught([&] { f.result(); }) == "invalid_state_error");
    CHECK(caught([&] { static_cast<void>(f.exception()); }) == "invalid_state_error");
    const auto t = async([] { return 1; });
    CHECK(caught([&] { t.result(); }) == "invalid_state_error");
    CHECK(caught([&] { static_cast<void>(t.exception()); }) == "invalid_state_error");
    CHECK(t.await() == 1);
  });
}

TEST_CASE_FIXTURE(fixture, "T-fut-02: a finished future takes no second result, and cannot be cancelled") {
  run([&] {
    const future<int> f;
    f.set_result(1);
    CHECK(caught([&] { f.set_result(2); }) == "invalid_state_error");
    CHECK(caught([&] { f.set_exception(std::runtime_error("late")); }) == "invalid_state_error");
    CHECK_FALSE(f.cancel());
    CHECK_FALSE(f.cancelled());
    CHECK(f.result() == 1);
    CHECK(f.exception() == nullptr);

    const future<int> failed;
    failed.set_exception(std::runtime_error("boom"));
    CHECK(caught([&] { failed.set_result(2); }) == "invalid_state_error");
    CHECK(caught([&] { failed.set_exception(std::runtime_error("late")); }) == "invalid_state_error");
    CHECK_FALSE(failed.cancel());
    CHECK(caught([&] { failed.result(); }) == "boom");
    CHECK(caught(failed.exception()) == "boom");
  });
}

TEST_CASE_FIXTURE(fixture, "T-fut-03: done callbacks run in the next pass, in order of registration") {
  run([&] {
    const future<int> f;
    f.add_done_callback([&](const future<int>& done) { say("first", done.result()); });
    f.add_done_callback([&] { say("second"); });
    get_running_loop().call_soon([&] { say("queued before"); });
    f.add_done_callback([&] { say("third"); });
    f.set_result(7);
    say("set");
    yield();
    say("next pass over");
  });
  CHECK(say.take() == "set queued before first7 second third next pass over");
}

TEST_CASE_FIXTURE(fixture, "T-fut-03: done callbacks and awaiters are served in order of registration") {
  run([&] {
    const future<> f;
    f.add_done_callback([&] { say("callback-1"); });
    auto t = async([&] {
      f.await();
      say("awaiter");
    });
    yield();
    f.add_done_callback([&] { say("callback-2"); });
    f.set_exception(std::runtime_error("boom"));
    CHECK(caught([&] { t.await(); }) == "boom");
  });
  CHECK(say.take() == "callback-1 callback-2");  // the awaiter was in between, and threw
}

TEST_CASE_FIXTURE(fixture, "T-fut-03: an error and a cancellation call them too") {
  run([&] {
    const future<> failed;
    failed.add_done_callback([&](const future<>& done) { say(caught(done.exception())); });
    failed.set_exception(std::runtime_error("boom"));
    const future<> gone;
    gone.add_done_callback([&](const future<>& done) { say(done.cancelled() ? "cancelled" : "not cancelled"); });
    gone.cancel();
    CHECK(say.take().empty());
    yield();
  });
  CHECK(say.take() == "boom cancelled");
}

TEST_CASE_FIXTURE(fixture, "T-fut-04: a done callback is removed by its id; an absent one counts 0") {
  run([&] {
    const future<> f;
    const auto callback = [&] { say("same callback"); };
    const auto a = f.add_done_callback(callback);
    const auto b = f.add_done_callback(callback);
    const auto c = f.add_done_callback([&] { say("kept"); });
    CHECK(f.remove_done_callback(a) == 1);
    CHECK(f.remove_done_callback(a) == 0);
    CHECK(f.remove_done_callback(b) == 1);
    const future<> other;
    CHECK(other.remove_done_callback(c) == 0);
    f.set_result();
    CHECK(f.remove_done_callback(c) == 0);  // queued already
    yield();
  });
  CHECK(say.take() == "kept");
}

TEST_CASE_FIXTURE(fixture, "T-fut-04: removing a callback releases its closure") {
  run([&] {
    const auto token = std::make_shared<int>(0);
    const future<> f;
    const auto id = f.add_done_callback([token] {});
    CHECK(token.use_count() == 2);
    f.remove_done_callback(id);
    CHECK(token.use_count() == 1);
    f.add_done_callback([token] {});
    f.set_result();
    CHECK(token.use_count() == 2);
    yield();
    CHECK(token.use_count() == 1);
  });
}

TEST_CASE_FIXTURE(fixture, "T-fut-05: a callback added to a finished future runs in the next pass, never inline") {
  run([&] {
    const future<> f;
    f.set_result();
    f.add_done_callback([&] { say("callback"); });
    say("added");
    yield();
    say("next pass");
  });
  CHECK(say.take() == "added callback next pass");
}

TEST_CASE_FIXTURE(fixture, "T-fut-06: cancelling a pending future") {
  run([&] {
    const future<int> f;
    CHECK(f.cancel("why"));
    CHECK(f.done());
    CHECK(f.cancelled());
    CHECK(caught([&] { f.result(); }) == "cancelled_error(why)");
    CHECK(caught([&] { static_cast<void>(f.exception()); }) == "cancelled_error(why)");
    CHECK(caught([&] { f.await(); }) == "cancelled_error(why)");
    CHECK_FALSE(f.cancel());
    CHECK_FALSE(f.cancel("another"));
    CHECK(caught([&] { f.set_result(1); }) == "invalid_state_error");
    CHECK(caught([&] { f.set_exception(std::runtime_error("late")); }) == "invalid_state_error");
    CHECK(f.cancelled());
    CHECK(current_task().cancelling() == 0);
  });
}

TEST_CASE_FIXTURE(fixture, "T-fut-07: awaiting what is finished does not suspend") {
  run([&] {
    const future<int> f;
    f.set_result(1);
    const future<int> failed;
    failed.set_exception(std::runtime_error("boom"));
    auto t = async([] { return 2; });
    t.await();
    get_running_loop().call_soon([&] { say("pass"); });
    CHECK(f.await() == 1);
    CHECK(t.await() == 2);
    CHECK(await(t) == 2);
    CHECK(caught([&] { failed.await(); }) == "boom");
    say("no pass so far");
    yield();
  });
  CHECK(say.take() == "no pass so far pass");
}

TEST_CASE_FIXTURE(fixture, "T-fut-08: a done callback removes another one that is queued already") {
  run([&] {
    const future<> f;
    callback_id second{};
    f.add_done_callback([&] {
      say("first");
      CHECK(f.remove_done_callback(second) == 0);
    });
    second = f.add_done_callback([&] { say("second"); });
    f.set_result();
    yield();
  });
  CHECK(say.take() == "first second");  // too late, as in asyncio
}

TEST_CASE_FIXTURE(fixture, "T-fut-08: callbacks whose destruction removes other callbacks") {
  run([&] {
    const future<> f;
    std::vector<callback_id> ids;
    struct removes_others {
      const future<>& from;
      const std::vector<callback_id>& all;
      ~removes_others() {
        for (const callback_id id : all) from.remove_done_callback(id);
      }
    };
    ids.push_back(f.add_done_callback([&] { say("1"); }));
    ids.push_back(f.add_done_callback([p = std::unique_ptr<removes_others>(new removes_others{f, ids})] {}));
    ids.push_back(f.add_done_callback([&] { say("3"); }));
    ids.push_back(f.add_done_callback([&] { say("4"); }));
    CHECK(f.remove_done_callback(ids[1]) == 1);
    f.add_done_callback([&] { say("5"); });
    f.set_result();
    yield();
  });
  CHECK(say.take() == "5");
}

TEST_CASE_FIXTURE(fixture, "T-fut-08: a done callback adds callbacks, and drops the last handle") {
  run([&] {
    std::optional<future<>> f(std::in_place);
    f->add_done_callback([&](const future<>& done) {
      done.add_done_callback([&] { say("added"); });
      f.reset();
      say("dropped");
    });
    f->set_result();
    give_up_passes(2);
    CHECK_FALSE(f.has_value());
  });
  CHECK(say.take() == "dropped added");
}

TEST_CASE_FIXTURE(fixture, "T-fut-09: a task's result cannot be set from outside") {
  run([&] {
    const auto t = async([] { return 1; });
    CHECK(caught([&] { t.set_result(2); }) == "usage_error");
    CHECK(caught([&] { t.set_exception(std::runtime_error("boom")); }) == "usage_error");
    const auto g = gather_future([] { return 1; });
    CHECK(caught([&] { g.set_result(std::tuple{2}); }) == "usage_error");
    CHECK(t.await() == 1);
    CHECK(std::get<0>(g.await()) == 1);
    CHECK(caught([&] { t.set_result(2); }) == "usage_error");
  });
}

TEST_CASE_FIXTURE(fixture, "T-fut-10: a task that awaits itself gets an error") {
  run([&] {
    std::vector<task<>> own;
    own.push_back(async([&] {
      say(caught([&] { own.front().await(); }));
      say("goes on");
    }));
    own.front().await();
  });
  CHECK(say.take() == "usage_error goes on");
}

TEST_CASE_FIXTURE(fixture, "T-fut-11: a task that awaits a future of another loop gets an error") {
  event_loop other(loop_options{.clock = &clock});
  const auto foreign = other.create_future<int>();
  const auto foreign_task = other.create_task([] { return 1; });
  run([&] {
    CHECK(caught([&] { foreign.await(); }) == "usage_error");
    CHECK(caught([&] { foreign_task.await(); }) == "usage_error");
    CHECK(caught([&] { await(foreign); }) == "usage_error");
    CHECK_FALSE(foreign.done());
    say("goes on");
  });
  foreign.set_result(2);
  CHECK(other.run_until_complete(foreign_task) == 1);
  CHECK(say.take() == "goes on");
  other.close();
  check_nothing_left(other);
}

// --- Reports of errors that nobody retrieved ---

TEST_CASE_FIXTURE(fixture, "T-dbg-01: a failed future that is dropped unretrieved is reported once") {
  run([&] {
    {
      const future<int> f;
      const future<int> copy = f;
      f.set_exception(std::runtime_error("boom"));
    }
    const report r = take_report();
    CHECK(r.message == "Future exception was never retrieved");
    CHECK(r.error == "boom");
    give_up_passes(2);
  });
}

TEST_CASE_FIXTURE(fixture, "T-dbg-02: a retrieved error is not reported") {
  run([&] {
    const auto failed = [] {
      const future<int> f;
      f.set_exception(std::runtime_error("boom"));
      return f;
    };
    SUBCASE("await") {
      const auto f = failed();
      CHECK(caught([&] { f.await(); }) == "boom");
    }
    SUBCASE("result") {
      const auto f = failed();
      CHECK(caught([&] { f.result(); }) == "boom");
    }
    SUBCASE("exception") {
      const auto f = failed();
      CHECK(caught(f.exception()) == "boom");
    }
    SUBCASE("gather") {
      CHECK(caught([&] { gather(failed(), failed()); }) == "boom");
      yield();
    }
    SUBCASE("gather with return_exceptions") {
      const auto results = gather(return_exceptions, std::vector{failed(), failed()});
      CHECK(results.size() == 2);
    }
    SUBCASE("cancel after the failure") {
      const auto f = failed();
      CHECK_FALSE(f.cancel());
    }
  });
  CHECK(reports.empty());
}

TEST_CASE_FIXTURE(fixture, "T-dbg-02: wait, done() and a done callback that does not look retrieve nothing") {
  run([&] {
    {
      const future<int> f;
      f.add_done_callback([&] { say("callback"); });
      f.set_exception(std::runtime_error("boom"));
      CHECK(wait(std::vector{f}).done.size() == 1);
      CHECK(f.done());
      CHECK_FALSE(f.cancelled());
    }
    CHECK(take_report_error() == "boom");
  });
  CHECK(say.take() == "callback");
}

TEST_CASE_FIXTURE(fixture, "T-dbg-03: a pending, succeeded or cancelled future is dropped silently") {
  run([&] {
    {
      const future<int> pending;
    }
    {
      const future<int> succeeded;
      succeeded.set_result(1);
    }
    {
      const future<int> gone;
      gone.cancel();
    }
    {
      const future<int> watched;
      watched.add_done_callback([&] { say("must not run"); });
    }
    yield();
  });
  CHECK(say.take().empty());
  CHECK(reports.empty());
}

TEST_CASE_FIXTURE(fixture, "a pending future that is dropped releases its callbacks") {
  run([&] {
    const auto token = std::make_shared<int>(0);
    {
      const future<> f;
      f.add_done_callback([token] {});
      CHECK(token.use_count() == 2);
    }
    CHECK(token.use_count() == 1);
  });
}

TEST_CASE_FIXTURE(fixture, "an exception handler may keep and read the future that it is told of") {
  run([&] {
    std::exception_ptr kept;
    get_running_loop().set_exception_handler([&](event_loop&, const exception_context& c) { kept = c.exception; });
    {
      const future<int> f;
      f.set_exception(std::runtime_error("boom"));
    }
    CHECK(caught(kept) == "boom");
  });
}

// --- Misuse, with an error and never a crash ---

TEST_CASE("a future needs a running loop") {
  CHECK(caught([] { const future<int> f; }) == "usage_error");
}

TEST_CASE_FIXTURE(loop_fixture, "awaiting outside a task is an error") {
  const auto f = loop.create_future<int>();
  CHECK(caught([&] { f.await(); }) == "usage_error");
  loop.call_soon([&] { say(caught([&] { f.await(); })); });
  loop.run_until_complete([] { yield(); });
  CHECK(say.take() == "usage_error");
  CHECK_FALSE(f.done());
}

TEST_CASE_FIXTURE(fixture, "set_exception needs an exception") {
  run([&] {
    const future<int> f;
    CHECK(caught([&] { f.set_exception(std::exception_ptr()); }) == "invalid_argument");
    CHECK_FALSE(f.done());
    f.set_exception(42);  // any type will do
    CHECK(caught([&] { f.await(); }) == "int 42");
  });
}

TEST_CASE_FIXTURE(fixture, "a result whose copy throws leaves the future pending") {
  struct touchy {
    touchy() = default;
    touchy(const touchy&) { throw std::runtime_error("no copies"); }
    touchy(touchy&&) = default;
    touchy& operator=(const touchy&) = default;
    touchy& operator=(touchy&&) = default;
  };
  run([&] {
    const future<touchy> f;
    const touchy t;
    CHECK(caught([&] { f.set_result(t); }) == "no copies");
    CHECK_FALSE(f.done());
    f.set_result(touchy());
    CHECK(f.done());
  });
}

TEST_CASE_FIXTURE(fixture, "void, reference and move-only results") {
  run([&] {
    const future<> nothing;
    nothing.set_result();
    nothing.await();

    int value = 1;
    const future<int&> reference;
    reference.set_result(value);
    reference.await() = 5;
    CHECK(value == 5);

    const future<std::unique_ptr<int>> once;
    once.set_result(std::make_unique<int>(3));
    CHECK(*once.await() == 3);
    CHECK(caught([&] { once.await(); }) == "invalid_state_error");
  });
}

TEST_CASE_FIXTURE(fixture, "futures outlive their loop") {
  std::optional<future<std::string>> pending;
  std::optional<future<std::string>> done;
  std::optional<future<std::string>> failed;
  std::optional<task<std::string>> job;
  {
    event_loop gone(loop_options{.clock = &clock});
    pending = gone.create_future<std::string>();
    pending->add_done_callback([&] { say("must not run"); });
    done = gone.create_future<std::string>();
    done->set_result("result");
    failed = gone.create_future<std::string>();
    failed->set_exception(std::runtime_error("boom"));
    job = gone.create_task([] { return std::string("of a task"); });
    gone.run_until_complete(*job);
  }
  CHECK(done->result() == "result");
  CHECK(job->result() == "of a task");
  CHECK_FALSE(job->cancel());
  CHECK(caught([&] { pending->await(); }) == "usage_error");
  pending->set_result("late");
  CHECK(pending->result() == "late");
  pending->add_done_callback([&] { say("must not run"); });
  {
    captured_stderr output;
    failed.reset();  // whom could it be reported to?
    CHECK(output.text().find("boom") != std::string::npos);
  }
  CHECK(say.take().empty());
}

TEST_CASE_FIXTURE(fixture, "a handle may be moved or dropped by others while it is awaited") {
  run([&] {
    std::vector<task<int>> jobs;
    jobs.push_back(async([] { return sleep(1s, 1); }));
    auto a = async([&] { return jobs[0].await(); });
    auto handle = std::make_unique<future<int>>();
    const future<int> kept = *handle;
    auto b = async([&] { return handle->await(); });
    auto c = async([&] { return std::move(*handle).await(); });
    yield();
    jobs.reserve(100);
    handle.reset();
    kept.set_result(2);
    CHECK(a.await() == 1);
    CHECK(b.await() == 2);
    CHECK(c.await() == 2);
  });
}

TEST_CASE_FIXTURE(fixture, "handles of one future are equal") {
  run([&] {
    const future<int> a;
    const future<int> b;
    const future<int> copy = a;
    CHECK(a == copy);
    CHECK_FALSE(a == b);
  });
}
