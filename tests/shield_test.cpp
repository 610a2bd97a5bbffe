// SPDX-License-Identifier: BSL-1.0
#include <nakh/shield.hpp>

#include "support/fixture.hpp"

#include <nakh/gather.hpp>
#include <nakh/timeout.hpp>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

using namespace nakh;
using namespace nakh::test;
using namespace std::chrono_literals;

TEST_CASE_FIXTURE(fixture, "T-shield-01: the awaiter is cancelled at once, the task goes on") {
  run([&] {
    auto inner = async([] { return sleep(10s, 7); });
    auto awaiter = async([&] {
      say(caught([&] { shield(inner).await(); }));
      say("at", now());
    });
    sleep(1s);
    CHECK(awaiter.cancel("why"));
    awaiter.await();
    CHECK_FALSE(inner.done());
    CHECK(inner.await() == 7);
  });
  CHECK(say.take() == "cancelled_error(why) at1000");
  CHECK(now() == 10'000);
}

TEST_CASE_FIXTURE(fixture, "T-shield-02: the task's own request count stays 0") {
  run([&] {
    auto inner = async([] { return sleep(10s, 7); });
    const auto s = shield(inner);
    auto awaiter = async([&] { s.await(); });
    give_up_passes(2);
    awaiter.cancel();
    CHECK(inner.cancelling() == 0);
    CHECK(caught([&] { awaiter.await(); }) == "cancelled_error");
    CHECK(awaiter.cancelling() == 1);
    CHECK(s.cancelled());
    CHECK(inner.await() == 7);
  });
}

TEST_CASE_FIXTURE(fixture, "T-shield-03: the shielded task itself is cancelled: the awaiter gets cancelled_error, count 0") {
  run([&] {
    auto inner = async([] { sleep(10s); });
    auto awaiter = async([&] {
      say(caught([&] { shield(inner).await(); }));
      CHECK(current_task().cancelling() == 0);
      yield();
    });
    give_up_passes(2);
    inner.cancel("why");
    awaiter.await();
    CHECK_FALSE(awaiter.cancelled());
  });
  CHECK(say.take() == "cancelled_error(why)");
}

TEST_CASE_FIXTURE(fixture, "T-shield-04: the shielded task fails: the same error in the awaiter, and it counts as retrieved") {
  run([&] {
    CHECK(caught([] {
            shield([] {
              sleep(1s);
              throw std::runtime_error("boom");
            }).await();
          }) == "boom");
    CHECK(caught([] { shield([] { throw 42; }).await(); }) == "int 42");
  });
  CHECK(reports.empty());
}

TEST_CASE_FIXTURE(fixture, "T-shield-04: its value, of any kind") {
  run([&] {
    CHECK(shield([] { return sleep(1s, 5); }).await() == 5);
    shield([] { sleep(1s); }).await();
    int value = 1;
    shield([&]() -> int& {
      yield();
      return value;
    }).await() = 4;
    CHECK(value == 4);
    CHECK(*shield([] { return sleep(1s, std::make_unique<int>(3)); }).await() == 3);
  });
}

TEST_CASE_FIXTURE(fixture, "T-shield-05: the shield of a finished future is that very future") {
  run([&] {
    const future<int> f;
    f.set_result(3);
    CHECK(shield(f) == f);
    auto t = async([] { return 4; });
    t.await();
    CHECK(shield(t) == t);
    get_running_loop().call_soon([&] { say("pass"); });
    CHECK(shield(t).await() == 4);
    say("no pass so far");
  });
  CHECK(say.take() == "no pass so far pass");
}

TEST_CASE_FIXTURE(fixture, "T-shield-05: a shield is cancelled at once") {
  run([&] {
    auto inner = async([] { return sleep(1s, 3); });
    const auto s = shield(inner);
    CHECK(s.cancel());
    CHECK(s.cancelled());
    CHECK_FALSE(s.cancel());
    CHECK(inner.cancelling() == 0);
    CHECK(inner.await() == 3);
  });
}

TEST_CASE_FIXTURE(fixture, "T-shield-05: it can be shielded and cancelled again and again") {
  run([&] {
    auto inner = async([] { return sleep(10s, 3); });
    for (int i = 0; i < 5; ++i) {
      auto awaiter = async([&] { shield(inner).await(); });
      sleep(1s);
      awaiter.cancel();
      CHECK(caught([&] { awaiter.await(); }) == "cancelled_error");
    }
    CHECK(shield(inner).await() == 3);
    CHECK(inner.cancelling() == 0);
  });
}

TEST_CASE_FIXTURE(fixture, "T-shield-06: abandoned by its awaiter, the task fails later: reported, once") {
  run([&] {
    auto inner = async([] {
      sleep(10s);
      throw std::runtime_error("boom");
    });
    for (int i = 0; i < 3; ++i) {
      auto awaiter = async([&] { shield(inner).await(); });
      give_up_passes(2);
      awaiter.cancel();
      CHECK(caught([&] { awaiter.await(); }) == "cancelled_error");
    }
    sleep(20s);
    const report r = take_report();
    CHECK(r.error == "boom");
    CHECK(r.message.find("shield") != std::string::npos);
  });
  CHECK(reports.empty());
}

TEST_CASE_FIXTURE(fixture, "T-shield-06: no report when somebody else awaits it, when it is cancelled, when it ends well") {
  run([&] {
    const auto abandon = [&](const future<>& inner) {
      auto awaiter = async([&] { shield(inner).await(); });
      give_up_passes(2);
      awaiter.cancel();
      CHECK(caught([&] { awaiter.await(); }) == "cancelled_error");
    };
    auto well = async([] { sleep(1s); });
    abandon(well);
    auto cancelled = async([] { sleep(1h); });
    abandon(cancelled);
    cancelled.cancel();
    sleep(2s);
    CHECK(well.done());
    CHECK(cancelled.cancelled());
  });
  CHECK(reports.empty());
}

TEST_CASE_FIXTURE(fixture, "T-shield-07: shield(gather) is cancelled: the gather and its children go on") {
  run([&] {
    auto a = async([] { return sleep(2s, 1); });
    auto b = async([] { return sleep(3s, 2); });
    const auto g = gather_future(a, b);
    auto awaiter = async([&] { shield(g).await(); });
    give_up_passes(2);
    awaiter.cancel();
    CHECK(caught([&] { awaiter.await(); }) == "cancelled_error");
    CHECK(a.cancelling() + b.cancelling() == 0);
    CHECK(g.await() == std::tuple{1, 2});
  });
}

TEST_CASE_FIXTURE(fixture, "T-shield-07: gather(shields) is cancelled: the shields are, what they guard goes on") {
  run([&] {
    auto a = async([] { return sleep(2s, 1); });
    auto b = async([] { return sleep(3s, 2); });
    const auto sa = shield(a);
    const auto sb = shield(b);
    auto awaiter = async([&] { gather(sa, sb); });
    give_up_passes(2);
    awaiter.cancel();
    CHECK(sa.cancelled());
    CHECK(sb.cancelled());
    CHECK(caught([&] { awaiter.await(); }) == "cancelled_error");
    CHECK(now() == 0);
    CHECK(a.await() + b.await() == 3);
  });
}

TEST_CASE_FIXTURE(fixture, "the shield goes on two passes after the task ended, as in asyncio") {
  run([&] {
    const future<> f;
    const auto s = shield(f);
    auto awaiter = async([&] { s.await(); });
    yield();
    f.set_result();
    CHECK_FALSE(s.done());
    yield();
    CHECK(s.done());
    CHECK_FALSE(awaiter.done());
    yield();
    CHECK(awaiter.done());
  });
}

TEST_CASE_FIXTURE(fixture, "the task ends and the awaiter is cancelled in one pass") {
  run([&] {
    const future<int> f;
    auto awaiter = async([&] { return shield(f).await(); });
    yield();
    f.set_result(3);
    CHECK(awaiter.cancel());
    CHECK(caught([&] { awaiter.await(); }) == "cancelled_error");
    CHECK(f.result() == 3);
  });
}

TEST_CASE_FIXTURE(fixture, "a shield that nobody keeps") {
  run([&] {
    auto inner = async([] { return sleep(1s, 3); });
    static_cast<void>(shield(inner));
    {
      const auto s = shield(shield(inner));
    }
    CHECK(inner.await() == 3);
    {
      const auto s = shield(inner);
      s.cancel();
    }
    const future<> f;
    const auto token = std::make_shared<int>(0);
    {
      const future<> g;
      g.add_done_callback([token] {});
      const auto s = shield(g);
      s.cancel();
    }
    CHECK(token.use_count() == 1);
  });
}

TEST_CASE_FIXTURE(fixture, "a shield that is dropped does not hide its task's error") {
  run([&] {
    static_cast<void>(shield([] {
      sleep(1s);
      throw std::runtime_error("boom");
    }));
    sleep(2s);
    CHECK(take_report_error() == "boom");
  });
}

TEST_CASE_FIXTURE(fixture, "a shield and its future outlive their loop") {
  std::vector<future<int>> kept;
  {
    event_loop gone(loop_options{.clock = &clock});
    kept.push_back(gone.create_future<int>());
    kept.push_back(shield(kept[0]));
    kept.push_back(shield(kept[0]));
  }
  kept[1].cancel();
  kept[0].set_result(1);
  CHECK(kept[1].cancelled());
}

TEST_CASE_FIXTURE(fixture, "the shield of a future of another loop cannot be awaited") {
  event_loop other(loop_options{.clock = &clock});
  const auto foreign = other.create_future<int>();
  run([&] { CHECK(caught([&] { shield(foreign).await(); }) == "usage_error"); });
  foreign.set_result(1);
}

TEST_CASE("shield of a function outside a loop") {
  CHECK(caught([] { static_cast<void>(shield([] {})); }) == "usage_error");
}
