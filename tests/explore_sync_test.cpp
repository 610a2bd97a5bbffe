// SPDX-License-Identifier: BSL-1.0
// Scenarios over what tasks wait in line for, in every order and with a cancellation at each suspension.
#include "support/scenarios.hpp"

#include <nakh/barrier.hpp>
#include <nakh/condition_variable.hpp>
#include <nakh/event.hpp>
#include <nakh/lowlevel.hpp>
#include <nakh/mutex.hpp>
#include <nakh/semaphore.hpp>
#include <nakh/wait.hpp>

#include <cstddef>
#include <deque>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

using namespace nakh;
using namespace nakh::test;
using namespace std::chrono_literals;

namespace {

/// Counts who is inside of something, as long as it lives.
struct visit {
  visit(int& count, int most) : inside(count) {
    ++inside;
    must(inside <= most, "too many are inside");
  }
  ~visit() { --inside; }
  visit(const visit&) = delete;
  visit& operator=(const visit&) = delete;
  int& inside;
};

}  // namespace

// --- mutex ---

TEST_CASE_FIXTURE(fixture, "explore mutex: never two inside, and all get in") {
  struct rooms : world {
    mutex m;
    int inside = 0;
    int entered = 0;
  };
  put_to_test<rooms>(
      {.cancel_each = true},
      [](rooms& w) {
        const auto worker = [&w] {
          for (int i = 0; i < 3; ++i) {
            const std::lock_guard hold(w.m);
            const visit v(w.inside, 1);
            give_up_passes(i);
            ++w.entered;
          }
        };
        together(worker, worker, worker);
      },
      [](rooms& w) {
        must(w.inside == 0 && w.entered <= 9, "the count is wrong");
        must(w.m.try_lock(), "the mutex is not free");
        w.m.unlock();
      });
}

TEST_CASE_FIXTURE(fixture, "explore mutex: who comes first gets in first") {
  struct line : world {
    mutex m;
    std::vector<int> came;
    std::vector<int> entered;
  };
  put_to_test<line>(
      {.cancel_each = true},
      [](line& w) {
        const auto worker = [&w](int me) {
          for (int i = 0; i < 2; ++i) {
            w.came.push_back(me);
            const std::lock_guard hold(w.m);
            w.entered.push_back(me);
            yield();
          }
        };
        task_group::run([&](task_group& g) {
          for (int me = 0; me < 4; ++me) static_cast<void>(g.async([&worker, me] { worker(me); }));
        });
        must(w.entered.size() <= w.came.size(), "somebody entered twice");
      },
      [](line& w) {
        must(is_part_in_order(w.entered, w.came), "somebody was overtaken");
        must(!w.m.locked(), "the mutex is not free");
      });
}

TEST_CASE_FIXTURE(fixture, "explore mutex: try_lock never overtakes who waits or was woken") {
  struct line : world {
    mutex m;
    std::vector<any_task> waiting;
    int inside = 0;
  };
  put_to_test<line>(
      {.cancel_each = true},
      [](line& w) {
        const auto waiter = [&w] {
          const any_task me = current_task();
          w.waiting.push_back(me);
          struct leave_line {
            leave_line(line& l, const any_task& t) noexcept : w(l), me(t) {}
            ~leave_line() { std::erase(w.waiting, me); }
            leave_line(const leave_line&) = delete;
            leave_line& operator=(const leave_line&) = delete;
            line& w;
            const any_task& me;
          };
          std::optional<leave_line> waits(std::in_place, w, me);
          const std::lock_guard hold(w.m);
          waits.reset();
          const visit v(w.inside, 1);
          yield();
        };
        const auto barger = [&w] {
          for (int i = 0; i < 6; ++i) {
            if (w.m.try_lock()) {
              const std::lock_guard hold(w.m, std::adopt_lock);
              // Who was cancelled has left the line, but may not know it yet.
              must(std::all_of(w.waiting.begin(), w.waiting.end(), [](const any_task& t) { return t.cancelling() > 0; }), "overtaken");
              const visit v(w.inside, 1);
              yield();
            }
            yield();
          }
        };
        together(waiter, barger, waiter, waiter);
      },
      [](line& w) { must(!w.m.locked() && w.waiting.empty(), "the mutex is not free"); });
}

TEST_CASE_FIXTURE(fixture, "explore mutex: unlocked by another task than locked it") {
  struct baton : world {
    mutex m;
    int rounds = 0;
  };
  put_to_test<baton>(
      {},
      [](baton& w) {
        w.m.lock();
        together(
            [&w] {
              for (int i = 0; i < 3; ++i) {
                w.m.lock();  // until the other one lets it go
                ++w.rounds;
              }
            },
            [&w] {
              for (int i = 0; i < 3; ++i) {
                while (!w.m.locked() || w.rounds < i) yield();
                w.m.unlock();
                yield();
              }
            });
        w.m.unlock();
      },
      [](baton& w) {
        must(!w.ended || (w.rounds == 3 && !w.m.locked()), "a round is missing");
        if (w.m.locked()) w.m.unlock();
        must(w.m.try_lock(), "somebody is still in line");
        w.m.unlock();
      });
}

// --- condition_variable ---

TEST_CASE_FIXTURE(fixture, "explore condition_variable: a buffer of two, with two at each end") {
  struct buffer : world {
    condition_variable changed;
    std::deque<int> items;
    std::vector<int> got;
  };
  put_to_test<buffer>(
      {},
      [](buffer& w) {
        const auto producer = [&w](int from) {
          for (int i = from; i < from + 3; ++i) {
            const std::unique_lock hold(w.changed);
            w.changed.wait([&w] { return w.items.size() < 2; });
            w.items.push_back(i);
            must(w.items.size() <= 2, "too many items");
            w.changed.notify_all();
          }
        };
        const auto consumer = [&w] {
          for (int i = 0; i < 3; ++i) {
            const std::unique_lock hold(w.changed);
            w.changed.wait([&w] { return !w.items.empty(); });
            must(!w.items.empty(), "woken for nothing");
            w.got.push_back(w.items.front());
            w.items.pop_front();
            w.changed.notify_all();
          }
        };
        together([&] { producer(0); }, consumer, [&] { producer(10); }, consumer);
        std::sort(w.got.begin(), w.got.end());
        must(w.got == std::vector<int>{0, 1, 2, 10, 11, 12}, "an item is lost, or came twice");
      },
      [](buffer& w) { must(!w.changed.locked(), "the mutex is not free"); });
}

TEST_CASE_FIXTURE(fixture, "explore condition_variable: a notification of who is cancelled goes to another") {
  struct shop : world {
    condition_variable changed;
    int goods = 0;
    int taken = 0;
    bool closed = false;
  };
  put_to_test<shop>(
      {.cancel_each = true},
      [](shop& w) {
        const auto customer = [&w] {
          const std::unique_lock hold(w.changed);
          while (w.goods == 0 && !w.closed) w.changed.wait();
          if (w.goods == 0) return;
          --w.goods;
          ++w.taken;
        };
        task_group::run([&](task_group& g) {
          for (int i = 0; i < 3; ++i) static_cast<void>(g.async(customer));
          std::vector<task<>> deliveries;
          for (int i = 0; i < 2; ++i) {
            deliveries.push_back(g.async([&w] {
              const std::unique_lock hold(w.changed);
              ++w.goods;
              w.changed.notify();
            }));
          }
          nakh::wait(deliveries);
          testing::wait_all_blocked();
          must(w.goods == 0, "a notification was lost");  // at most one customer is missing
          const std::unique_lock hold(w.changed);
          w.closed = true;
          w.changed.notify_all();
        });
      },
      [](shop& w) {
        must(!w.changed.locked(), "the mutex is not free");
        must(w.goods >= 0 && w.taken <= 2, "something was taken twice");
      });
}

TEST_CASE_FIXTURE(fixture, "explore condition_variable: the mutex is held after each wait, cancelled or not") {
  struct room : world {
    condition_variable c;
    const void* holder = nullptr;
    int inside = 0;
  };
  put_to_test<room>(
      {.cancel_each = true},
      [](room& w) {
        const auto waiter = [&w] {
          const std::unique_lock hold(w.c);
          {
            const visit v(w.inside, 1);
            yield();
          }
          try {
            w.c.wait();
          } catch (const cancelled_error&) {
            must(w.c.locked(), "the mutex was not taken back");
            const visit v(w.inside, 1);
            throw;
          }
          const visit v(w.inside, 1);
          yield();
        };
        task_group::run([&](task_group& g) {
          std::vector<task<>> waiters;
          for (int i = 0; i < 3; ++i) waiters.push_back(g.async(waiter));
          for (bool all_done = false; !all_done;) {
            {
              const std::unique_lock hold(w.c);
              const visit v(w.inside, 1);
              w.c.notify_all();
            }
            sleep(1ms);
            all_done = std::all_of(waiters.begin(), waiters.end(), [](const auto& t) { return t.done(); });
          }
        });
      },
      [](room& w) { must(!w.c.locked() && w.inside == 0, "the mutex is not free"); });
}

TEST_CASE_FIXTURE(fixture, "explore condition_variable: two that share a mutex") {
  struct shared : world {
    mutex m;
    condition_variable even{m};
    condition_variable odd{m};
    int turn = 0;
  };
  put_to_test<shared>(
      {},
      [](shared& w) {
        const auto player = [&w](condition_variable& mine, condition_variable& other, int parity) {
          for (int i = 0; i < 3; ++i) {
            const std::unique_lock hold(w.m);
            mine.wait([&] { return w.turn % 2 == parity; });
            ++w.turn;
            other.notify();
          }
        };
        together([&] { player(w.even, w.odd, 0); }, [&] { player(w.odd, w.even, 1); });
        must(w.turn == 6, "a turn is missing");
      },
      [](shared& w) { must(!w.m.locked(), "the mutex is not free"); });
}

// --- event ---

TEST_CASE_FIXTURE(fixture, "explore event: who waited when it was set goes on, even if it is cleared at once") {
  struct bell : world {
    event rung;
    int waiting = 0;
    int gone_on = 0;
  };
  put_to_test<bell>(
      {.cancel_each = true},
      [](bell& w) {
        const auto waiter = [&w] {
          ++w.waiting;
          try {
            w.rung.wait();
          } catch (const cancelled_error&) {
            --w.waiting;
            throw;
          }
          --w.waiting;
          ++w.gone_on;
        };
        task_group::run([&](task_group& g) {
          std::vector<task<>> all;
          for (int i = 0; i < 3; ++i) all.push_back(g.async(waiter));
          yield();
          w.rung.set();
          w.rung.clear();
          testing::wait_all_blocked();
          must(!w.rung.is_set(), "it is set");
          w.rung.set();
          testing::wait_all_blocked();
          must(w.waiting == 0, "somebody still waits");
          must(std::all_of(all.begin(), all.end(), [](const auto& t) { return t.done(); }), "somebody has not ended");
        });
      },
      [](bell& w) { must(w.waiting == 0, "somebody waits"); });
}

TEST_CASE_FIXTURE(fixture, "explore event: two tasks take turns by two events") {
  struct table : world {
    event ping;
    event pong;
    std::vector<int> said;
  };
  put_to_test<table>(
      {},
      [](table& w) {
        const auto player = [&w](event& mine, event& other, int word) {
          for (int i = 0; i < 4; ++i) {
            mine.wait();
            mine.clear();
            w.said.push_back(word);
            other.set();
          }
        };
        w.ping.set();
        together([&] { player(w.pong, w.ping, 2); }, [&] { player(w.ping, w.pong, 1); });
        must(w.said == std::vector<int>{1, 2, 1, 2, 1, 2, 1, 2}, "out of turn");
      },
      [](table&) {});
}

// --- semaphore ---

TEST_CASE_FIXTURE(fixture, "explore semaphore: never more inside than permits, and all permits are back in the end") {
  struct rooms : world {
    semaphore s{2};
    int inside = 0;
  };
  put_to_test<rooms>(
      {.cancel_each = true},
      [](rooms& w) {
        const auto worker = [&w](int passes) {
          for (int i = 0; i < 2; ++i) {
            const std::lock_guard hold(w.s);
            const visit v(w.inside, 2);
            give_up_passes(passes);
          }
        };
        together([&] { worker(1); }, [&] { worker(2); }, [&] { worker(0); }, [&] { worker(1); });
      },
      [](rooms& w) {
        must(w.inside == 0 && w.s.permits() == 2 && !w.s.locked(), "a permit is lost");
        w.s.acquire();
        w.s.acquire();
        must(!w.s.try_acquire(), "there is one too many");
        w.s.release();
        w.s.release();
      });
}

TEST_CASE_FIXTURE(fixture, "explore semaphore: who comes first gets a permit first") {
  struct line : world {
    semaphore s{1};
    std::vector<int> came;
    std::vector<int> entered;
  };
  put_to_test<line>(
      {.cancel_each = true},
      [](line& w) {
        task_group::run([&](task_group& g) {
          for (int me = 0; me < 4; ++me) {
            static_cast<void>(g.async([&w, me] {
              for (int i = 0; i < 2; ++i) {
                w.came.push_back(me);
                const std::lock_guard hold(w.s);
                w.entered.push_back(me);
                yield();
              }
            }));
          }
        });
      },
      [](line& w) {
        must(is_part_in_order(w.entered, w.came), "somebody was overtaken");
        must(w.s.permits() == 1, "a permit is lost");
      });
}

TEST_CASE_FIXTURE(fixture, "explore semaphore: permits that are given from outside are neither lost nor doubled") {
  struct store : world {
    semaphore s{0};
    int given = 0;
    int taken = 0;
  };
  put_to_test<store>(
      {.cancel_each = true},
      [](store& w) {
        task_group::run([&](task_group& g) {
          std::vector<task<>> takers;
          for (int i = 0; i < 4; ++i) {
            takers.push_back(g.async([&w] {
              w.s.acquire();
              ++w.taken;
            }));
          }
          auto giver = g.async([&w] {
            for (int i = 0; i < 2; ++i) {
              w.s.release();
              ++w.given;
              yield();
            }
            w.s.release();
            ++w.given;
          });
          nakh::wait(std::vector{giver});
          testing::wait_all_blocked();
          must(w.taken == w.given, "a permit lies about while somebody waits");  // at most one taker is missing
          for (const auto& t : takers) t.cancel();
        });
      },
      [](store& w) { must(w.s.permits() == w.given - w.taken, "a permit is lost"); });
}

TEST_CASE_FIXTURE(fixture, "explore semaphore: try_acquire takes no permit that somebody else was promised") {
  struct rooms : world {
    semaphore s{1};
    int inside = 0;
  };
  put_to_test<rooms>(
      {.cancel_each = true},
      [](rooms& w) {
        const auto waiter = [&w] {
          const std::lock_guard hold(w.s);
          const visit v(w.inside, 1);
          yield();
        };
        const auto barger = [&w] {
          for (int i = 0; i < 5; ++i) {
            if (w.s.try_acquire()) {
              const std::lock_guard hold(w.s, std::adopt_lock);
              const visit v(w.inside, 1);
              yield();
            }
            yield();
          }
        };
        together(waiter, barger, waiter, barger);
      },
      [](rooms& w) { must(w.s.permits() == 1, "a permit is lost"); });
}

TEST_CASE_FIXTURE(fixture, "explore bounded_semaphore: never more permits than it began with") {
  struct rooms : world {
    bounded_semaphore s{2};
    int inside = 0;
    int refused = 0;
  };
  put_to_test<rooms>(
      {.cancel_each = true},
      [](rooms& w) {
        const auto worker = [&w] {
          for (int i = 0; i < 2; ++i) {
            const std::lock_guard hold(w.s);
            const visit v(w.inside, 2);
            yield();
          }
        };
        const auto one_too_many = [&w] {
          yield();
          try {
            // Only while all are there: one too many for another's would be taken for that one's.
            if (w.inside == 0 && w.s.permits() == 2) w.s.release();
          } catch (const std::invalid_argument&) {
            ++w.refused;
          }
        };
        together(worker, one_too_many, worker, worker, one_too_many);
      },
      [](rooms& w) {
        must(w.s.permits() == 2 && w.inside == 0, "a permit is lost");
        try {
          w.s.release();
        } catch (const std::invalid_argument&) {
          return;
        }
        must(false, "one too many was taken");
      });
}

// --- barrier ---

TEST_CASE_FIXTURE(fixture, "explore barrier: nobody goes on before all have come, round after round, each with an index of its own") {
  struct gate : world {
    barrier b{3};
    int came[3] = {};
    std::set<std::size_t> indexes[3];
  };
  put_to_test<gate>(
      {},
      [](gate& w) {
        const auto party = [&w] {
          for (int round = 0; round < 3; ++round) {
            ++w.came[round];
            const std::size_t index = w.b.wait();
            must(w.came[round] == 3, "somebody went on too early");
            must(index < 3 && w.indexes[round].insert(index).second, "an index came twice");
            must(!w.b.broken(), "it is broken");
            if (index == 1) yield();
          }
        };
        together(party, party, party);
      },
      [](gate& w) {
        must(w.b.waiting() == 0 && !w.b.broken(), "somebody is still counted");
        together([&w] { w.b.wait(); }, [&w] { w.b.wait(); }, [&w] { w.b.wait(); });
      });
}

TEST_CASE_FIXTURE(fixture, "explore barrier: who is cancelled leaves, and another can take its place") {
  struct gate : world {
    barrier b{2};
    int passed = 0;
  };
  put_to_test<gate>(
      {.cancel_each = true},
      [](gate& w) {
        task_group::run([&](task_group& g) {
          std::vector<task<>> parties;
          for (int i = 0; i < 3; ++i) {
            parties.push_back(g.async([&w] {
              w.b.wait();
              ++w.passed;
            }));
          }
          testing::wait_all_blocked();
          const auto gone = std::count_if(parties.begin(), parties.end(), [](const auto& t) { return t.cancelled(); });
          must(w.passed == 2 || (w.passed == 1 && gone == 1), "two came and did not go on");
          // A party that is cancelled when the round is full counted in it; then who is left stands alone.
          for (const auto& t : parties) t.cancel();
        });
      },
      [](gate& w) {
        must(w.b.waiting() == 0 && !w.b.broken(), "somebody is still counted");
        together([&w] { w.b.wait(); }, [&w] { w.b.wait(); });
      });
}

TEST_CASE_FIXTURE(fixture, "explore barrier: aborted and reset at any moment, nobody is left behind") {
  struct gate : world {
    barrier b{3};
    int passed = 0;
    int broken = 0;
  };
  put_to_test<gate>(
      {},
      [](gate& w) {
        const auto party = [&w](int passes) {
          give_up_passes(passes);
          try {
            w.b.wait();
            ++w.passed;
          } catch (const broken_barrier_error&) {
            ++w.broken;
          }
        };
        together([&] { party(0); }, [&] { party(1); }, [&] { party(2); },
                 [&w] {
                   yield();
                   w.b.abort();
                 });
        must(w.passed + w.broken == 3, "somebody is missing");
        must(w.b.broken(), "it is whole");
        w.b.reset();
      },
      [](gate& w) {
        if (!w.ended) w.b.reset();
        must(w.b.waiting() == 0 && !w.b.broken(), "it was not mended");
        together([&w] { w.b.wait(); }, [&w] { w.b.wait(); }, [&w] { w.b.wait(); });
      });
}

TEST_CASE_FIXTURE(fixture, "explore barrier: a reset sends away who waits, and those who come again meet") {
  struct gate : world {
    barrier b{2};
    int sent_away = 0;
    int passed = 0;
  };
  put_to_test<gate>(
      {.cancel_each = true},
      [](gate& w) {
        const auto party = [&w] {
          for (bool met = false; !met;) {
            try {
              w.b.wait();
              met = true;
              ++w.passed;
            } catch (const broken_barrier_error&) {
              ++w.sent_away;
            }
          }
        };
        task_group::run([&](task_group& g) {
          const std::vector<task<>> all{g.async(party), g.async([&w] {
                                          yield();
                                          w.b.reset();
                                        }),
                                        g.async([&] {
                                          give_up_passes(2);
                                          party();
                                        })};
          testing::wait_all_blocked();
          const bool one_is_gone = std::any_of(all.begin(), all.end(), [](const auto& t) { return t.cancelled(); });
          // A reset while they leave sends away who has not left yet: it comes again, and finds nobody.
          must(w.passed == 2 || (w.passed == 1 && w.sent_away == 1) || one_is_gone, "they did not meet");
          must(w.b.waiting() <= 1, "two are there and do not go on");
          for (const auto& t : all) t.cancel();
        });
        must(w.sent_away <= 2, "sent away twice");
      },
      [](gate& w) {
        must(w.b.waiting() == 0 && !w.b.broken(), "somebody is still counted");
        together([&w] { w.b.wait(); }, [&w] { w.b.wait(); });
      });
}

// --- One's own primitives ---

namespace {

/// Permits that are handed over, on top of `park`: who is cancelled after it was served passes its permit on.
class handed_permits {
 public:
  explicit handed_permits(int permits) : free_(permits) {}

  void acquire() {
    if (free_ > 0) {
      --free_;
      return;
    }
    place p(*this);
    line_.push_back(&p);
    try {
      lowlevel::park(p);
    } catch (const cancelled_error&) {
      p.cancelled = true;
    }
    if (!p.cancelled) return;
    if (p.served) release();
    lowlevel::throw_cancelled();
  }
  void release() {
    if (line_.empty()) {
      ++free_;
      return;
    }
    place& next = *line_.front();
    line_.pop_front();
    next.served = true;
    must(next.sleeper.wake(), "who stands in line is parked");
  }
  [[nodiscard]] int free() const { return free_; }
  [[nodiscard]] bool nobody_waits() const { return line_.empty(); }

 private:
  struct place : lowlevel::wait_op {
    explicit place(handed_permits& o) : owner(o) {
      static constexpr lowlevel::wait_kind handed_permit = {[](wait_op& self) noexcept {
                                                              auto& p = static_cast<place&>(self);
                                                              p.cancelled = true;
                                                              std::erase(p.owner.line_, &p);
                                                              return p.sleeper.wake();
                                                            },
                                                            "handed permit"};
      kind = &handed_permit;
    }
    handed_permits& owner;
    lowlevel::waker sleeper = lowlevel::waker::for_next_park();
    bool served = false;
    bool cancelled = false;
  };
  int free_;
  std::deque<place*> line_;
};

}  // namespace

TEST_CASE_FIXTURE(fixture, "explore park: a primitive of one's own that passes on what it was served with") {
  struct rooms : world {
    handed_permits permits{1};
    int inside = 0;
  };
  put_to_test<rooms>(
      {.cancel_each = true},
      [](rooms& w) {
        const auto worker = [&w] {
          for (int i = 0; i < 2; ++i) {
            w.permits.acquire();
            struct give_back {
              handed_permits& p;
              ~give_back() { p.release(); }
            } const at_end{w.permits};
            const visit v(w.inside, 1);
            yield();
          }
        };
        together(worker, worker, worker);
      },
      [](rooms& w) { must(w.permits.free() == 1 && w.permits.nobody_waits(), "a permit is lost"); });
}

TEST_CASE_FIXTURE(fixture, "explore waker: one that comes late wakes nobody, one in time wakes once") {
  struct bells : world {
    std::vector<lowlevel::waker> old;
    int woken = 0;
  };
  put_to_test<bells>(
      {},
      [](bells& w) {
        together(
            [&w] {
              for (int i = 0; i < 3; ++i) {
                struct op_type : lowlevel::wait_op {
                  lowlevel::waker self = lowlevel::waker::for_next_park();
                  bool cancelled = false;
                } op;
                static constexpr lowlevel::wait_kind bell = {[](lowlevel::wait_op& o) noexcept {
                                                               auto& mine = static_cast<op_type&>(o);
                                                               mine.cancelled = true;
                                                               return mine.self.wake();
                                                             },
                                                             "bell"};
                op.kind = &bell;
                w.old.push_back(op.self);
                lowlevel::park(op);
                if (op.cancelled) lowlevel::throw_cancelled();
                must(w.woken == i + 1, "woken by somebody else");
              }
            },
            [&w] {
              for (int i = 0; i < 20; ++i) {
                if (!w.old.empty() && w.old.back().wake()) {
                  ++w.woken;
                  for (auto& late : w.old) must(!late.wake(), "woken twice");
                }
                yield();
              }
              sleep(1ms);  // held back long: whoever still waits
              while (w.woken < 3 && !w.old.empty() && w.old.back().wake()) {
                ++w.woken;
                sleep(1ms);
              }
            });
      },
      [](bells& w) {
        for (auto& late : w.old) must(!late.wake(), "woken after its end");
      });
}
