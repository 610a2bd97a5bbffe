// SPDX-License-Identifier: BSL-1.0
// Scenarios over queues, in every order and with a cancellation at each suspension.
#include "support/scenarios.hpp"

#include <nakh/queue.hpp>
#include <nakh/wait.hpp>

#include <set>
#include <stdexcept>
#include <utility>
#include <vector>

using namespace nakh;
using namespace nakh::test;
using namespace std::chrono_literals;

namespace {

std::vector<int> sorted(std::vector<int> all) {
  std::sort(all.begin(), all.end());
  return all;
}

/// Items on their way: how many were put, and how many came out.
template <class Queue>
struct channel : world {
  explicit channel(std::ptrdiff_t room = 0) : q(room) {}
  Queue q;
  int put = 0;
  std::vector<int> got{};

  void send(int item) {
    q.put(item);
    ++put;
  }
  int receive() {
    const int item = q.get();
    got.push_back(item);
    return item;
  }
  void check_nothing_lost() const { must(static_cast<std::size_t>(put) == got.size() + q.size(), "an item is lost, or came twice"); }
};

struct narrow_channel : channel<queue<int>> {
  narrow_channel() : channel(1) {}
};

/// Still works: an item goes in and comes out, and nobody stands in the way.
template <class Queue>
void must_be_usable(Queue& q) {
  while (!q.empty()) static_cast<void>(q.get_nowait());
  q.put(1);
  must(q.get() == 1 && q.empty(), "it does not work any more");
}

}  // namespace

TEST_CASE_FIXTURE(fixture, "explore queue: with room for one, all items come, in order") {
  put_to_test<narrow_channel>(
      {},
      [](narrow_channel& w) {
        together(
            [&w] {
              for (int i = 0; i < 5; ++i) w.send(i);
            },
            [&w] {
              for (int i = 0; i < 5; ++i) must(w.receive() == i, "out of order");
            });
      },
      [](narrow_channel& w) {
        w.check_nothing_lost();
        must_be_usable(w.q);
      });
}

TEST_CASE_FIXTURE(fixture, "explore queue: two put and two get; what one puts keeps its order") {
  put_to_test<narrow_channel>(
      {},
      [](narrow_channel& w) {
        const auto producer = [&w](int from) {
          for (int i = from; i < from + 4; ++i) w.send(i);
        };
        const auto consumer = [&w] {
          for (int i = 0; i < 4; ++i) w.receive();
        };
        together(consumer, [&] { producer(0); }, consumer, [&] { producer(10); });
        must(sorted(w.got) == std::vector<int>{0, 1, 2, 3, 10, 11, 12, 13}, "an item is lost, or came twice");
        for (const int first : {0, 10}) {
          std::vector<int> of_one;
          std::copy_if(w.got.begin(), w.got.end(), std::back_inserter(of_one), [first](int i) { return i / 10 == first / 10; });
          must(std::is_sorted(of_one.begin(), of_one.end()), "out of order");
        }
      },
      [](narrow_channel& w) {
        w.check_nothing_lost();
        must_be_usable(w.q);
      });
}

TEST_CASE_FIXTURE(fixture, "explore queue: a getter that is cancelled loses no item, and its turn goes to another") {
  using any_number = channel<queue<int>>;
  put_to_test<any_number>(
      {.cancel_each = true},
      [](any_number& w) {
        task_group::run([&](task_group& g) {
          std::vector<task<>> getters;
          for (int i = 0; i < 3; ++i) getters.push_back(g.async([&w] { w.receive(); }));
          auto putter = g.async([&w] {
            w.send(1);
            yield();
            w.send(2);
          });
          nakh::wait(std::vector{putter});
          testing::wait_all_blocked();
          must(w.q.empty(), "an item lies there while somebody waits for it");  // at most one getter is missing
          for (const auto& t : getters) t.cancel();
        });
      },
      [](any_number& w) {
        w.check_nothing_lost();
        must_be_usable(w.q);
      });
}

TEST_CASE_FIXTURE(fixture, "explore queue: a putter that is cancelled has not put, and its room goes to another") {
  put_to_test<narrow_channel>(
      {.cancel_each = true},
      [](narrow_channel& w) {
        task_group::run([&](task_group& g) {
          w.send(0);
          std::vector<task<>> putters;
          for (int i = 1; i <= 3; ++i) putters.push_back(g.async([&w, i] { w.send(i); }));
          auto getter = g.async([&w] {
            w.receive();
            yield();
            w.receive();
          });
          nakh::wait(std::vector{getter});
          testing::wait_all_blocked();
          const bool all_have_ended = std::all_of(putters.begin(), putters.end(), [](const auto& t) { return t.done(); });
          must(w.q.full() || all_have_ended, "there is room while somebody waits for it");
          for (const auto& t : putters) t.cancel();
        });
      },
      [](narrow_channel& w) {
        w.check_nothing_lost();
        must_be_usable(w.q);
      });
}

TEST_CASE_FIXTURE(fixture, "explore queue: those who wait for an item get them in the order in which they came") {
  struct line : world {
    queue<int> q;
    std::vector<int> came;
    std::vector<int> served;
  };
  put_to_test<line>(
      {},
      [](line& w) {
        task_group::run([&](task_group& g) {
          for (int me = 0; me < 3; ++me) {
            static_cast<void>(g.async([&w, me] {
              must(w.q.empty(), "the queue is not empty");
              w.came.push_back(me);
              w.served.push_back(w.q.get() * 10 + me);
            }));
          }
          testing::wait_all_blocked();
          for (int i = 0; i < 3; ++i) {
            w.q.put_nowait(i);
            yield();
          }
        });
        must(w.served.size() == 3, "somebody got nothing");
      },
      [](line& w) { must(w.q.empty() || !w.ended, "an item is left"); });
}

TEST_CASE_FIXTURE(fixture, "explore lifo_queue: the last comes first, whoever asks") {
  struct stack : world {
    lifo_queue<int> q{3};
    std::vector<int> model;
    int taken = 0;
  };
  put_to_test<stack>(
      {},
      [](stack& w) {
        const auto producer = [&w](int from) {
          for (int i = from; i < from + 4; ++i) {
            w.q.put(i);
            w.model.push_back(i);
          }
        };
        const auto consumer = [&w] {
          for (int i = 0; i < 4; ++i) {
            const int item = w.q.get();
            must(!w.model.empty() && item == w.model.back(), "it was not the last");
            w.model.pop_back();
            ++w.taken;
            if (i % 2 == 0) yield();
          }
        };
        together([&] { producer(0); }, consumer, [&] { producer(10); }, consumer);
        must(w.taken == 8, "an item is missing");
      },
      [](stack& w) {
        must(w.q.size() == w.model.size(), "an item is lost, or came twice");
        must_be_usable(w.q);
      });
}

TEST_CASE_FIXTURE(fixture, "explore priority_queue: the smallest of those that are there comes first") {
  struct heap : world {
    priority_queue<int> q{4};
    std::multiset<int> model;
    int taken = 0;
  };
  put_to_test<heap>(
      {},
      [](heap& w) {
        const auto producer = [&w](std::vector<int> items) {
          for (const int i : items) {
            w.q.put(i);
            w.model.insert(i);
          }
        };
        const auto consumer = [&w] {
          for (int i = 0; i < 4; ++i) {
            const int item = w.q.get();
            must(!w.model.empty() && item == *w.model.begin(), "it was not the smallest");
            w.model.erase(w.model.begin());
            ++w.taken;
            yield();
          }
        };
        together([&] { producer({5, 1, 4, 1}); }, consumer, [&] { producer({9, 2, 6, 5}); }, consumer);
        must(w.taken == 8, "an item is missing");
      },
      [](heap& w) {
        must(w.q.size() == w.model.size(), "an item is lost, or came twice");
        must_be_usable(w.q);
      });
}

TEST_CASE_FIXTURE(fixture, "explore queue shutdown: what is there still comes out, and nobody is left waiting") {
  put_to_test<narrow_channel>(
      {},
      [](narrow_channel& w) {
        int shut_out = 0;
        const auto producer = [&](int from) {
          try {
            for (int i = from; i < from + 4; ++i) w.send(i);
          } catch (const queue_shut_down&) {
            ++shut_out;
          }
        };
        const auto consumer = [&] {
          try {
            for (;;) w.receive();
          } catch (const queue_shut_down&) {
            must(w.q.empty(), "shut out although something was there");
            ++shut_out;
          }
        };
        together([&] { producer(0); }, consumer, [&] { producer(10); }, consumer,
                 [&w] {
                   give_up_passes(3);
                   w.q.shutdown();
                   try {
                     w.q.put_nowait(1);
                     must(false, "an item was taken after the shutdown");
                   } catch (const queue_shut_down&) {
                   }
                 });
        must(shut_out >= 2 && w.q.empty(), "somebody was not told");
      },
      [](narrow_channel& w) { w.check_nothing_lost(); });
}

TEST_CASE_FIXTURE(fixture, "explore queue shutdown: at once, it drops what is there and lets the joiners go") {
  struct dropped : narrow_channel {
    int joined = 0;
    int shut_out = 0;
  };
  put_to_test<dropped>(
      {},
      [](dropped& w) {
        const auto joiner = [&w] {
          w.q.join();
          ++w.joined;
        };
        const auto producer = [&w] {
          try {
            for (;;) w.send(1);
          } catch (const queue_shut_down&) {
            ++w.shut_out;
          }
        };
        const auto consumer = [&w] {
          try {
            for (;;) {
              static_cast<void>(w.q.get());
              yield();
              w.q.task_done();
            }
          } catch (const queue_shut_down&) {
            ++w.shut_out;
          }
        };
        together(producer, joiner, consumer, producer, joiner, [&w] {
          give_up_passes(4);
          w.q.shutdown(true);
          must(w.q.empty(), "something is there");
        });
        must(w.joined == 2 && w.shut_out == 3, "somebody was not told");
      },
      [](dropped&) {});
}

TEST_CASE_FIXTURE(fixture, "explore queue join: returns when all the work is done and not before, whoever of two workers is cancelled") {
  struct work : world {
    queue<int> q;
    int undone = 0;
  };
  put_to_test<work>(
      {.cancel_each = true},
      [](work& w) {
        task_group::run([&](task_group& g) {
          std::vector<task<>> workers;
          for (int i = 0; i < 2; ++i) {
            workers.push_back(g.async([&w] {
              for (;;) {
                const int passes = w.q.get();
                struct done {
                  work& of;
                  ~done() {
                    --of.undone;
                    of.q.task_done();
                  }
                } const at_end{w};
                give_up_passes(passes);
              }
            }));
          }
          for (int i = 0; i < 5; ++i) {
            ++w.undone;
            w.q.put_nowait(i % 3);
          }
          w.q.join();
          must(w.undone == 0 && w.q.empty(), "joined too early");
          for (const auto& t : workers) t.cancel();
        });
      },
      [](work& w) {
        must(w.undone == static_cast<int>(w.q.size()), "work is lost");
        while (!w.q.empty()) {
          static_cast<void>(w.q.get_nowait());
          w.q.task_done();
        }
        w.q.join();
      });
}

TEST_CASE_FIXTURE(fixture, "explore queue: a pipeline of three stages, each told to end by a shutdown") {
  struct pipeline : world {
    queue<int> first{1};
    queue<int> second{2};
    std::vector<int> came;
  };
  put_to_test<pipeline>(
      {},
      [](pipeline& w) {
        const auto until_shut_down = [](auto f) {
          try {
            for (;;) f();
          } catch (const queue_shut_down&) {
          }
        };
        together([&] { until_shut_down([&w] { w.came.push_back(w.second.get()); }); },
                 [&] {
                   until_shut_down([&w] {
                     const int item = w.first.get();
                     yield();
                     w.second.put(item * item);
                   });
                   w.second.shutdown();
                 },
                 [&w] {
                   for (int i = 1; i <= 5; ++i) w.first.put(i);
                   w.first.shutdown();
                 });
        must(w.came == std::vector<int>{1, 4, 9, 16, 25}, "something is missing");
      },
      [](pipeline& w) {
        const std::vector<int> whole{1, 4, 9, 16, 25};
        must(is_part_in_order(w.came, whole), "out of order");
      });
}
