// SPDX-License-Identifier: BSL-1.0
// Scenarios over tasks, futures, time and callbacks, in every order and with a cancellation at each suspension.
#include "support/scenarios.hpp"

#include <nakh/event.hpp>
#include <nakh/exception_group.hpp>
#include <nakh/future.hpp>
#include <nakh/gather.hpp>
#include <nakh/shield.hpp>
#include <nakh/task_group.hpp>
#include <nakh/timeout.hpp>
#include <nakh/wait.hpp>

#include <set>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

using namespace nakh;
using namespace nakh::test;
using namespace std::chrono_literals;

namespace {

/// Counts who is between its begin and its end.
struct alive {
  explicit alive(int& n) : count(n) { ++count; }
  ~alive() { --count; }
  alive(const alive&) = delete;
  alive& operator=(const alive&) = delete;
  int& count;
};

/// Tasks that work on something else.
struct crew : world {
  int working = 0;
  int finished = 0;
  int requests_left = 0;

  int work(int passes, int result) {
    const alive here(working);
    give_up_passes(passes);
    ++finished;
    return result;
  }
  [[noreturn]] void fail(int passes, const char* why) {
    const alive here(working);
    give_up_passes(passes);
    ++finished;
    throw std::runtime_error(why);
  }
  void check_nobody_works() const { must(working == 0, "somebody still works"); }
};

constexpr auto nobody_works = [](crew& w) { w.check_nobody_works(); };
constexpr auto nobody_works_and_no_request_is_left = [](crew& w) {
  w.check_nobody_works();
  must(!w.ended || w.requests_left == 0, "a request is left");
};

}  // namespace

// --- gather ---

TEST_CASE_FIXTURE(fixture, "explore gather: results stand in the order of the arguments, whoever ends first") {
  put_to_test<crew>(
      {},
      [](crew& w) {
        const auto [a, b, c] = gather([&w] { return w.work(3, 1); }, [&w] { return w.work(0, 2); }, [&w] { return w.work(1, 3); });
        must(a == 1 && b == 2 && c == 3, "out of order");
        must(w.finished == 3, "it did not wait for all");
        std::vector<task<int>> many;
        for (int i = 0; i < 4; ++i) many.push_back(async([&w, i] { return w.work(4 - i, i); }));
        must(gather(many) == std::vector<int>{0, 1, 2, 3}, "out of order");
      },
      nobody_works);
}

TEST_CASE_FIXTURE(fixture, "explore gather: the first error comes at once, and the others run on") {
  put_to_test<crew>(
      {.cancel = false},
      [](crew& w) {
        std::string first;
        const auto failing = [&](int passes, const char* why) {
          try {
            w.fail(passes, why);
          } catch (...) {
            if (first.empty()) first = why;
            throw;
          }
        };
        auto other = async([&w] { return w.work(8, 0); });
        try {
          gather(other, [&] { failing(1, "one"); }, [&] { failing(2, "two"); });
          must(false, "no error came");
        } catch (const std::runtime_error& e) {
          must(e.what() == first, "it was not the first");
        }
        must(!other.cancelled(), "the other one was cancelled");
        other.await();
        testing::wait_all_blocked();
        must(w.finished == 3, "somebody did not run on");
      },
      nobody_works);
}

TEST_CASE_FIXTURE(fixture, "explore gather: with return_exceptions all are waited for, whatever becomes of them") {
  put_to_test<crew>(
      {.cancel_each = true},
      [](crew& w) {
        const auto outcomes = gather(
            return_exceptions, std::vector<task<int>>{async([&w] { return w.work(2, 7); }), async([&w]() -> int { w.fail(1, "wrong"); }),
                                                      async([&w] { return w.work(0, 9); })});
        must(outcomes.size() == 3, "an outcome is missing");
        w.check_nobody_works();
        must(!outcomes[1].has_value(), "no error");
        for (const int i : {0, 2}) {
          const auto& o = outcomes[static_cast<std::size_t>(i)];
          must(o.has_value() ? o.value() == 7 + i : caught(o.error()) == "cancelled_error", "a wrong result");
        }
      },
      nobody_works);
}

TEST_CASE_FIXTURE(fixture, "explore gather: cancelled, it cancels all that it waits for, also through another one") {
  put_to_test<crew>(
      {},
      [](crew& w) {
        const auto pair = [&w](int passes) { gather([&w, passes] { w.work(passes, 0); }, [&w, passes] { w.work(passes + 1, 0); }); };
        gather([&] { pair(1); }, [&] { pair(2); }, [&w] { w.work(1, 0); });
        must(w.finished == 5, "it did not wait for all");
      },
      nobody_works);
}

// --- wait, as_completed ---

TEST_CASE_FIXTURE(fixture, "explore wait: until the first has ended; each is in one of the two lists, and none was cancelled") {
  put_to_test<crew>(
      {},
      [](crew& w) {
        std::vector<task<int>> tasks;
        for (int i = 0; i < 3; ++i) tasks.push_back(async([&w, i] { return w.work(i, i); }));
        try {
          auto found = nakh::wait(tasks, {.return_when = first_completed});
          must(!found.done.empty() && found.done.size() + found.pending.size() == 3, "one is missing");
          for (const auto& t : found.done) must(t.done() && t.result() >= 0, "not done");
          for (const auto& t : found.pending) must(!t.cancelled(), "cancelled");
          if (!found.pending.empty()) nakh::wait(found.pending);
        } catch (const cancelled_error&) {
          for (const auto& t : tasks) {
            must(!t.cancelled(), "cancelled");
            t.cancel();
          }
          throw;
        }
        must(w.finished == 3, "it did not wait for all");
      },
      nobody_works);
}

TEST_CASE_FIXTURE(fixture, "explore wait: until one has failed, or all have ended") {
  put_to_test<crew>(
      {.cancel_each = true},
      [](crew& w) {
        std::vector<task<int>> tasks{async([&w] { return w.work(1, 1); }), async([&w]() -> int { w.fail(2, "wrong"); }),
                                     async([&w] { return w.work(5, 2); })};
        struct cancel_all {
          std::vector<task<int>>& tasks;
          ~cancel_all() {
            for (const auto& t : tasks) t.cancel();
          }
        } const at_end{tasks};
        const auto found = nakh::wait(tasks, {.return_when = first_exception});
        const bool failed = tasks[1].done() && !tasks[1].cancelled() && tasks[1].exception();
        must(failed || found.pending.empty(), "it returned too early");
      },
      nobody_works);
}

TEST_CASE_FIXTURE(fixture, "explore wait: with a time limit, that leaves no timer and cancels nothing") {
  put_to_test<crew>(
      {.late_turns = true},
      [](crew& w) {
        std::vector<task<int>> tasks;
        for (int i = 0; i < 3; ++i) {
          tasks.push_back(async([&w, i] {
            const alive here(w.working);
            return sleep(i * 2ms, i);
          }));
        }
        struct cancel_all {
          std::vector<task<int>>& tasks;
          ~cancel_all() {
            for (const auto& t : tasks) t.cancel();
          }
        } const at_end{tasks};
        const time_point begin = nakh::clock::now();
        const auto found = nakh::wait(tasks, {.timeout = 3ms});
        must(found.pending.empty() || nakh::clock::now() - begin >= 3ms, "it gave up too early");
        for (const auto& t : found.pending) must(!t.cancelled(), "cancelled");
        if (!found.pending.empty()) nakh::wait(found.pending);
      },
      nobody_works);
}

TEST_CASE_FIXTURE(fixture, "explore as_completed: each once, in the order in which they end") {
  struct order : crew {
    std::vector<int> ends;
    std::vector<int> given;
  };
  put_to_test<order>(
      {},
      [](order& w) {
        std::vector<task<int>> tasks;
        for (int i = 0; i < 4; ++i) {
          tasks.push_back(async([&w, i] {
            w.work(3 - i, i);
            w.ends.push_back(i);
            return i;
          }));
        }
        struct cancel_all {
          std::vector<task<int>>& tasks;
          ~cancel_all() {
            for (const auto& t : tasks) t.cancel();
          }
        } const at_end{tasks};
        for (const auto& t : as_completed(tasks)) {
          must(t.done(), "not done");
          w.given.push_back(t.result());
        }
        must(w.given.size() == 4, "one is missing");
      },
      [](order& w) {
        must(is_part_in_order(w.given, w.ends), "out of order");
        w.check_nobody_works();
      });
}

TEST_CASE_FIXTURE(fixture, "explore as_completed: several take from it, and a cancelled one's turn goes to another") {
  struct taken : crew {
    std::multiset<int> given;
  };
  put_to_test<taken>(
      {},
      [](taken& w) {
        std::vector<task<int>> jobs;
        for (int i = 0; i < 4; ++i) jobs.push_back(async([&w, i] { return w.work(2 * i, i); }));
        struct cancel_all {
          std::vector<task<int>>& tasks;
          ~cancel_all() {
            for (const auto& t : tasks) t.cancel();
          }
        } const at_end{jobs};
        auto ends = as_completed(jobs);
        const auto taker = [&] {
          while (auto t = ends.next()) {
            w.given.insert(t->result());
            yield();
          }
        };
        task_group::run([&](task_group& g) {
          static_cast<void>(g.async(taker));
          auto leaves = g.async(taker);
          static_cast<void>(g.async(taker));
          yield();
          leaves.cancel();
        });
        taker();  // what was promised to the one that left, when the others found nothing more
        must(w.given == std::multiset<int>{0, 1, 2, 3}, "one is lost, or came twice");
      },
      nobody_works);
}

// --- Time ---

TEST_CASE_FIXTURE(fixture, "explore wait_for: either the result or the timeout, and what is awaited has ended") {
  struct race : crew {
    int results = 0;
    int timeouts = 0;
    int undisturbed = 0;
  };
  put_to_test<race>(
      {.late_turns = true, .cancel_each = true},
      [](race& w) {
        const auto racer = [&w](duration work, duration limit) {
          auto inner = async([&w, work] {
            const alive here(w.working);
            sleep(work);
            return 5;
          });
          try {
            must(wait_for(inner, limit) == 5, "a wrong result");
            must(!inner.cancelled(), "cancelled all the same");
            ++w.results;
          } catch (const timeout_error&) {
            must(inner.done(), "left behind");  // cancelled, or ended when it was too late
            ++w.timeouts;
          }
          yield();  // where a request that is left would come
          ++w.undisturbed;
        };
        together([&] { racer(1ms, 2ms); }, [&] { racer(2ms, 1ms); }, [&] { racer(1ms, 1ms); }, [&] { racer(2ms, 0ms); });
        must(w.results + w.timeouts <= 4, "both");
      },
      [](race& w) {
        w.check_nobody_works();
        must(!w.ended || w.undisturbed >= w.results + w.timeouts - 1, "a request was left");  // one may have been cancelled
      });
}

namespace {

/// Which of two timeouts expired, one in the other.
struct expired_ones {
  bool outer = false;
  bool inner = false;
};

expired_ones run_nested(duration outer, duration inner, duration work) {
  expired_ones expired;
  const int requests = current_task().cancelling();
  try {
    timeout(outer, [&](timeout_scope& o) {
      try {
        timeout(inner, [&] { sleep(work); });
      } catch (const timeout_error&) {
        expired.inner = true;
      }
      must(!o.expired(), "it was the outer one that expired");
      yield();
    });
  } catch (const timeout_error&) {
    expired.outer = true;
  }
  must(current_task().cancelling() == requests, "a request is left");
  yield();  // where one that is left would come
  return expired;
}

}  // namespace

TEST_CASE_FIXTURE(fixture, "explore timeout: nested, the one with the earlier deadline expires, and no request is left") {
  put_to_test<world>(
      {.cancel_each = true},
      [](world&) {
        const auto expect = [](duration outer, duration inner, duration work, bool outer_expires, bool inner_expires) {
          const auto found = run_nested(outer, inner, work);
          must(found.outer == outer_expires && found.inner == inner_expires, "the wrong one expired");
        };
        together([&] { expect(10ms, 5ms, 1h, false, true); }, [&] { expect(5ms, 10ms, 1h, true, false); },
                 [&] { expect(10ms, 5ms, 1ms, false, false); }, [&] { expect(3ms, 0ms, 1ms, false, true); });
      },
      [](world&) {});
}

TEST_CASE_FIXTURE(fixture, "explore timeout: nested, with deadlines that are the same or pass too late, no request is left") {
  put_to_test<world>(
      {.late_turns = true, .cancel_each = true},
      [](world&) {
        together([] { run_nested(5ms, 5ms, 1h); }, [] { run_nested(5ms, 5ms, 5ms); }, [] { run_nested(10ms, 5ms, 4ms); },
                 [] { run_nested(4ms, 5ms, 3ms); });
      },
      [](world&) {});
}

TEST_CASE_FIXTURE(fixture, "explore timeout: a cancellation at the same time is never swallowed") {
  struct race : world {
    bool was_cancelled = false;
    bool reached_end = false;
  };
  put_to_test<race>(
      {.late_turns = true},
      [](race& w) {
        task_group::run([&](task_group& g) {
          auto victim = g.async([&w] {
            try {
              timeout(2ms, [] { sleep(1h); });
            } catch (const timeout_error&) {
            }
            yield();
            w.reached_end = true;
          });
          auto rival = g.async([&w, victim] {
            sleep(2ms);
            w.was_cancelled = victim.cancel() && !w.reached_end;
          });
          static_cast<void>(rival);
          nakh::wait(std::vector{victim, rival});
          must(!w.was_cancelled || victim.cancelled(), "a cancellation was swallowed");
        });
      },
      [](race&) {});
}

TEST_CASE_FIXTURE(fixture, "explore timeout: rescheduled while it runs out") {
  struct scope : world {
    int expired = 0;
  };
  put_to_test<scope>(
      {.late_turns = true, .cancel_each = true},
      [](scope& w) {
        timeout_scope* open = nullptr;
        together(
            [&] {
              try {
                timeout(1ms, [&](timeout_scope& s) {
                  open = &s;
                  struct closed {
                    timeout_scope*& s;
                    ~closed() { s = nullptr; }
                  } const at_end{open};
                  sleep(5ms);
                  must(!s.expired(), "it went on although the time was over");
                });
              } catch (const timeout_error&) {
                ++w.expired;
              }
              must(current_task().cancelling() == 0, "a request is left");
            },
            [&] {
              sleep(1ms);
              if (open != nullptr && !open->expired()) open->reschedule(nakh::clock::now() + 1h);
            });
      },
      [](scope& w) { must(w.expired <= 1, "it expired twice"); });
}

TEST_CASE_FIXTURE(fixture, "explore sleep: nobody wakes before its time, and a timer that is cancelled is gone") {
  struct beds : world {
    int awake = 0;
  };
  put_to_test<beds>(
      {.late_turns = true, .cancel_each = true},
      [](beds& w) {
        const auto sleeper = [&w](duration d) {
          for (int i = 0; i < 2; ++i) {
            const time_point until = nakh::clock::now() + d;
            sleep_until(until);
            must(nakh::clock::now() >= until, "woken too early");
          }
          ++w.awake;
        };
        together([&] { sleeper(1ms); }, [&] { sleeper(3ms); }, [&] { sleeper(0ms); }, [&] { sleeper(1ms); });
      },
      [](beds& w) { must(!w.ended || w.awake >= 3, "somebody still sleeps"); });
}

// --- shield ---

TEST_CASE_FIXTURE(fixture, "explore shield: what is inside goes on to its end when its awaiter is cancelled") {
  put_to_test<crew>(
      {},
      [](crew& w) {
        auto inner = async([&w] { return w.work(4, 5); });
        try {
          must(shield(inner).await() == 5, "a wrong result");
        } catch (const cancelled_error&) {
          must(!inner.cancelled(), "it was cancelled too");
          // And again, for as long as it takes.
          while (!inner.done()) {
            try {
              shield(inner).await();
            } catch (const cancelled_error&) {
            }
          }
          must(inner.result() == 5, "a wrong result");
          throw;
        }
      },
      [](crew& w) {
        w.check_nobody_works();
        must(!w.ended || w.finished == 1, "it did not go on");
      });
}

TEST_CASE_FIXTURE(fixture, "explore shield: in a wait_for that runs out, what is inside goes on") {
  put_to_test<crew>(
      {.late_turns = true},
      [](crew& w) {
        auto inner = async([&w] {
          const alive here(w.working);
          sleep(3ms);
          ++w.finished;
        });
        try {
          try {
            wait_for(shield(inner), 1ms);
          } catch (const timeout_error&) {
            must(!inner.cancelled(), "it was cancelled too");
          }
          shield(inner).await();
        } catch (const cancelled_error&) {
          inner.cancel();
          throw;
        }
        must(w.finished == 1, "it did not go on");
      },
      nobody_works);
}

// --- task_group ---

TEST_CASE_FIXTURE(fixture, "explore task_group: ends when all have ended, members that members began included") {
  put_to_test<crew>(
      {.cancel_each = true},
      [](crew& w) {
        task_group::run([&](task_group& g) {
          for (int i = 0; i < 2; ++i) {
            static_cast<void>(g.async([&w, &g, i] {
              w.work(i, 0);
              static_cast<void>(g.async([&w, i] { w.work(2 * i, 0); }));
              yield();
            }));
          }
          w.work(1, 0);
        });
        w.check_nobody_works();
      },
      nobody_works);
}

TEST_CASE_FIXTURE(fixture, "explore task_group: one fails, and the group ends with its error when all have ended") {
  put_to_test<crew>(
      {},
      [](crew& w) {
        bool failed = false;
        try {
          task_group::run([&](task_group& g) {
            static_cast<void>(g.async([&w] { w.work(3, 0); }));
            static_cast<void>(g.async([&w] { w.fail(2, "wrong"); }));
            static_cast<void>(g.async([] { sleep(1h); }));
            w.work(5, 0);
          });
        } catch (const exception_group& e) {
          must(e.errors().size() == 1, "not one error");
          failed = true;
        }
        must(failed, "the error is lost");
        w.check_nobody_works();
        yield();  // where a cancellation from elsewhere comes
        w.requests_left = current_task().cancelling();
      },
      nobody_works_and_no_request_is_left);
}

TEST_CASE_FIXTURE(fixture, "explore task_group: several fail at the same time, and no error is lost") {
  put_to_test<crew>(
      {.cancel_each = true},
      [](crew& w) {
        std::size_t thrown = 0;
        std::size_t found = 0;
        const auto failing = [&](int passes) {
          try {
            give_up_passes(passes);
          } catch (const cancelled_error&) {
            yield();
            ++thrown;
            throw std::runtime_error("in the cleanup");
          }
          ++thrown;
          throw std::runtime_error("at once");
        };
        try {
          task_group::run([&](task_group& g) {
            for (int i = 0; i < 3; ++i) static_cast<void>(g.async([&, i] { failing(i); }));
            w.work(2, 0);
          });
        } catch (const exception_group& e) {
          found = e.errors().size();
        } catch (const cancelled_error&) {
          must(thrown == 0, "an error is lost");
          throw;
        }
        must(found == thrown, "an error is lost");
      },
      nobody_works);
}

TEST_CASE_FIXTURE(fixture, "explore task_group: nested, an error ends the inner one and then the outer one") {
  put_to_test<crew>(
      {},
      [](crew& w) {
        std::string order;
        try {
          task_group::run([&](task_group& outer) {
            static_cast<void>(outer.async([] { sleep(1h); }));
            static_cast<void>(outer.async([&] {
              try {
                task_group::run([&](task_group& inner) {
                  static_cast<void>(inner.async([&w] { w.fail(1, "deep"); }));
                  static_cast<void>(inner.async([] { sleep(2h); }));
                });
              } catch (...) {
                w.check_nobody_works();
                order += "inner ";
                throw;
              }
            }));
            yield();
          });
        } catch (const exception_group& e) {
          must(e.errors().size() == 1, "not one error");
          order += "outer";
        }
        must(order == "inner outer", "the wrong way round");
        yield();  // where a cancellation from elsewhere comes
        w.requests_left = current_task().cancelling();
      },
      nobody_works_and_no_request_is_left);
}

TEST_CASE_FIXTURE(fixture, "explore task_group: cancelled from outside while a member fails, neither is lost") {
  struct race : crew {
    bool error_came = false;
    bool cancellation_came = false;
  };
  put_to_test<race>(
      {},
      [](race& w) {
        task_group::run([&](task_group& g) {
          auto owner = g.async([&w] {
            try {
              task_group::run([&](task_group& inner) {
                static_cast<void>(inner.async([&w] { w.fail(3, "wrong"); }));
                sleep(1h);
              });
            } catch (const exception_group&) {
              w.error_came = true;
            } catch (const cancelled_error&) {
              w.cancellation_came = true;
              throw;
            }
            try {
              yield();
              yield();
            } catch (const cancelled_error&) {
              w.cancellation_came = true;
              throw;
            }
          });
          auto rival = g.async([owner] {
            give_up_passes(3);
            return owner.cancel();
          });
          nakh::wait(std::vector<future<>>{owner});
          const bool asked = rival.await();
          must(!asked || w.cancellation_came || owner.cancelled(), "a cancellation was swallowed");
          must(asked || w.error_came, "the error is lost");
        });
      },
      nobody_works);
}

// --- Tasks and their cancellation ---

TEST_CASE_FIXTURE(fixture, "explore cancel: through a chain of tasks that await each other, all end") {
  struct chain : world {
    int begun = 0;
    int ended_tasks = 0;
  };
  put_to_test<chain>(
      {.cancel_each = true},
      [](chain& w) {
        const auto link = [&w](auto& self, int depth) -> void {
          ++w.begun;
          struct at_end {
            int& count;
            ~at_end() { ++count; }
          } const end{w.ended_tasks};
          if (depth == 0) {
            sleep(1ms);
          } else {
            async([&self, depth] { self(self, depth - 1); }).await();
          }
        };
        link(link, 4);
      },
      [](chain& w) { must(w.begun == w.ended_tasks, "somebody is left"); });
}

TEST_CASE_FIXTURE(fixture, "explore cancel: who catches it and takes it back goes on undisturbed") {
  struct stubborn : world {
    int requests = 0;
    bool done = false;
  };
  put_to_test<stubborn>(
      {.cancel = false},
      [](stubborn& w) {
        auto t = async([&w] {
          for (int rest = 6; rest > 0;) {
            try {
              yield();
              --rest;
            } catch (const cancelled_error&) {
              ++w.requests;
              while (current_task().uncancel() > 0) {
              }
            }
          }
          w.done = true;
        });
        auto rival = async([&] {
          for (int i = 0; i < 3; ++i) {
            t.cancel();
            yield();
          }
        });
        rival.await();
        // Cancelled before it began, it has done nothing.
        try {
          t.await();
          must(w.done && t.cancelling() == 0, "a request is left");
        } catch (const cancelled_error&) {
          must(w.requests == 0 && !w.done, "it was cancelled although it took that back");
        }
      },
      [](stubborn& w) { must(w.requests <= 3, "more came than were sent"); });
}

TEST_CASE_FIXTURE(fixture, "explore cancel: a destructor that waits while an error passes is not torn, and the request comes later") {
  struct cleanups : world {
    int begun = 0;
    int ended_ones = 0;
  };
  put_to_test<cleanups>(
      {.cancel_each = true},
      [](cleanups& w) {
        const auto worker = [&w] {
          struct slow_end {
            cleanups& w;
            ~slow_end() {
              ++w.begun;
              give_up_passes(2);
              ++w.ended_ones;
            }
          };
          try {
            const slow_end at_end{w};
            yield();
            throw std::runtime_error("passes");
          } catch (const std::runtime_error&) {
          }
          yield();
        };
        together(worker, worker);
      },
      [](cleanups& w) { must(w.begun == w.ended_ones, "a cleanup was torn"); });
}

TEST_CASE_FIXTURE(fixture, "explore errors: each task sees its own while all wait in catch blocks") {
  struct hands : world {
    int right = 0;
  };
  put_to_test<hands>(
      {.cancel_each = true},
      [](hands& w) {
        const auto worker = [&w](int me) {
          for (int i = 0; i < 2; ++i) {
            try {
              throw me * 10 + i;
            } catch (int) {
              try {
                yield();
                throw;
              } catch (int mine) {
                must(mine == me * 10 + i, "another task's error");
                ++w.right;
              }
            }
          }
        };
        together([&] { worker(1); }, [&] { worker(2); }, [&] { worker(3); });
      },
      [](hands& w) { must(!w.ended || w.right >= 4, "an error is lost"); });
}

// --- future ---

TEST_CASE_FIXTURE(fixture, "explore future: all who await get the result, and callbacks run once, after it, in their order") {
  struct box : world {
    std::vector<int> got;
    std::vector<int> called;
  };
  put_to_test<box>(
      {.cancel = false},
      [](box& w) {
        const future<int> f;
        for (int i = 0; i < 3; ++i) {
          f.add_done_callback([&w, i](const future<int>& done) {
            must(done.done(), "called too early");
            w.called.push_back(i);
          });
        }
        const auto taken_back = f.add_done_callback([&w] { w.called.push_back(99); });
        const auto awaiter = [&w, f] { w.got.push_back(f.await()); };
        together(
            awaiter, awaiter,
            [&, f] {
              yield();
              must(f.remove_done_callback(taken_back) == 1 || f.done(), "it was not there");
              must(w.called.empty() && w.got.empty(), "served too early");
              f.set_result(7);
              f.add_done_callback([&w] { w.called.push_back(3); });
              must(w.called.empty(), "called at once");
            },
            awaiter);
        testing::wait_all_blocked();
        must(w.got == std::vector<int>{7, 7, 7}, "somebody got nothing");
        must(w.called == std::vector<int>{0, 1, 2, 3}, "out of order");
      },
      [](box&) {});
}

TEST_CASE_FIXTURE(fixture, "explore future: cancelled by one who awaits it, it ends for all") {
  struct box : world {
    int cancelled = 0;
    int got = 0;
  };
  put_to_test<box>(
      {.cancel_each = true},
      [](box& w) {
        const future<int> f;
        const auto awaiter = [&w, f] {
          try {
            f.await();
            ++w.got;
          } catch (const cancelled_error&) {
            ++w.cancelled;
            throw;
          }
        };
        task_group::run([&](task_group& g) {
          std::vector<task<>> all;
          for (int i = 0; i < 3; ++i) all.push_back(g.async(awaiter));
          const auto setter = g.async([f] {
            yield();
            if (!f.done()) f.set_result(1);
          });
          nakh::wait(std::vector{setter});
          if (!f.done()) f.set_result(2);
          nakh::wait(all);
        });
        must(w.got == 0 || w.cancelled <= 1, "it ended in two ways");  // one may be cancelled when it was woken
      },
      [](box& w) { must(w.got + w.cancelled <= 3, "somebody was served twice"); });
}

// --- Callbacks ---

TEST_CASE_FIXTURE(fixture, "explore call_soon: each callback runs once, in the order of the calls of each task") {
  struct calls : world {
    std::vector<int> ran;
    int asked = 0;
  };
  put_to_test<calls>(
      {.cancel_each = true},
      [](calls& w) {
        const auto caller = [&w](int from) {
          event_loop& loop = get_running_loop();
          for (int i = from; i < from + 3; ++i) {
            loop.call_soon([&w, i] { w.ran.push_back(i); });
            ++w.asked;
            yield();
          }
        };
        together([&] { caller(0); }, [&] { caller(10); });
      },
      [](calls& w) {
        must(static_cast<int>(w.ran.size()) == w.asked, "a callback is missing, or ran twice");
        for (const int first : {0, 10}) {
          std::vector<int> of_one;
          std::copy_if(w.ran.begin(), w.ran.end(), std::back_inserter(of_one), [first](int i) { return i / 10 == first / 10; });
          must(std::is_sorted(of_one.begin(), of_one.end()), "out of order");
        }
      });
}

TEST_CASE_FIXTURE(fixture, "explore handles: a callback that is cancelled in time never runs, and one that ran cannot be cancelled") {
  struct calls : world {
    std::set<int> ran;
    std::set<int> cancelled;
  };
  put_to_test<calls>(
      {.late_turns = true, .cancel_each = true},
      [](calls& w) {
        event_loop& loop = get_running_loop();
        struct owned_handles {
          std::vector<handle> all;
          ~owned_handles() {
            for (auto& h : all) h.cancel();
          }
        } handles;
        const auto note = [&w](int i) {
          return [&w, i] {
            must(w.cancelled.count(i) == 0, "it was cancelled");
            must(w.ran.insert(i).second, "it ran twice");
          };
        };
        together(
            [&] {
              for (int i = 0; i < 3; ++i) {
                handles.all.push_back(loop.call_soon(note(2 * i)));
                handles.all.push_back(loop.call_later(i * 1ms, note(2 * i + 1)));
                yield();
              }
            },
            [&] {
              for (int round = 0; round < 4; ++round) {
                for (std::size_t i = 0; i < handles.all.size(); i += 2) {
                  handles.all[i].cancel();
                  if (w.ran.count(static_cast<int>(i)) == 0) w.cancelled.insert(static_cast<int>(i));
                }
                sleep(1ms);
              }
            });
        sleep(5ms);
        for (int i = 0; i < static_cast<int>(handles.all.size()); ++i) {
          must(w.ran.count(i) + w.cancelled.count(i) == 1, "it neither ran nor was cancelled");
        }
      },
      [](calls&) {});
}

TEST_CASE_FIXTURE(fixture, "explore call_later: in the order of the deadlines, and equal ones in the order of the calls") {
  struct calls : world {
    std::vector<std::pair<long long, int>> ran;
  };
  put_to_test<calls>(
      {.cancel = false},
      [](calls& w) {
        event_loop& loop = get_running_loop();
        int number = 0;
        const auto caller = [&](duration step) {
          for (int i = 0; i < 3; ++i) {
            const time_point deadline = time_point{} + (i + 2) * step;
            loop.call_at(deadline, [&w, deadline, n = number] {
              must(nakh::clock::now() == deadline, "too early or too late");
              w.ran.emplace_back(deadline.time_since_epoch().count(), n);
            });
            ++number;
            yield();
          }
        };
        together([&] { caller(20ms); }, [&] { caller(30ms); }, [&] { caller(60ms); });
        sleep(1s);
        must(w.ran.size() == 9, "a callback is missing");
      },
      [](calls& w) { must(std::is_sorted(w.ran.begin(), w.ran.end()), "out of order"); });
}
