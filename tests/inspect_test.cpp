// SPDX-License-Identifier: BSL-1.0
#include <nakh/inspect.hpp>

#include "support/allocations.hpp"
#include "support/captured_stderr.hpp"
#include "support/fixture.hpp"
#include "support/in_valgrind.hpp"

#include <nakh/barrier.hpp>
#include <nakh/condition_variable.hpp>
#include <nakh/event.hpp>
#include <nakh/gather.hpp>
#include <nakh/lowlevel.hpp>
#include <nakh/mutex.hpp>
#include <nakh/queue.hpp>
#include <nakh/semaphore.hpp>
#include <nakh/shield.hpp>
#include <nakh/task_group.hpp>
#include <nakh/timeout.hpp>
#include <nakh/wait.hpp>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <functional>
#include <mutex>
#include <new>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

using namespace nakh;
using namespace nakh::test;
using namespace std::chrono_literals;

namespace {

task_options named(std::string name, source_location where = source_location::current()) {
  return {.name = std::move(name), .where = where};
}

std::string names(const task_graph& g, std::vector<std::size_t> places) {
  std::vector<std::string> all;
  all.reserve(places.size());
  for (const std::size_t p : places) all.push_back(g.tasks[p].name);
  std::sort(all.begin(), all.end());
  std::string text;
  for (const std::string& n : all) text += (text.empty() ? "" : " ") + n;
  return text;
}

// "a < b c, b < c": who is awaited by whom, those by nobody left out; in the graph's order.
std::string awaiters(const task_graph& g) {
  std::string text;
  for (const task_info& t : g.tasks) {
    if (t.awaited_by.empty()) continue;
    text += (text.empty() ? "" : ", ") + t.name + " < " + names(g, t.awaited_by);
  }
  return text;
}

const task_info& find(const task_graph& g, std::string_view name) {
  const auto found = std::find_if(g.tasks.begin(), g.tasks.end(), [&](const task_info& t) { return t.name == name; });
  REQUIRE(found != g.tasks.end());
  return *found;
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}
bool says(const std::string& text, const std::string& part) { return count(text, part) > 0; }

/// A file to write to, and what was written.
class scratch {
 public:
  scratch() : file_(std::tmpfile()) { REQUIRE(file_ != nullptr); }
  ~scratch() { std::fclose(file_); }
  scratch(const scratch&) = delete;
  scratch& operator=(const scratch&) = delete;
  [[nodiscard]] std::FILE* file() const { return file_; }
  [[nodiscard]] int fd() const { return ::fileno(file_); }
  [[nodiscard]] std::string text() const {
    std::rewind(file_);
    std::string all;
    for (int c = std::fgetc(file_); c != EOF; c = std::fgetc(file_)) all += static_cast<char>(c);
    return all;
  }

 private:
  std::FILE* file_;
};

bool can_walk() {
  if (why_no_stacks().empty()) return true;
  MESSAGE("skipped: " << why_no_stacks());
  return false;
}

[[gnu::noinline]] void stand_at(event& e) {
  e.wait();
  asm volatile("");  // no tail call
}
[[gnu::noinline]] void go_down(event& e, int steps) {
  if (steps > 0) {
    go_down(e, steps - 1);
  } else {
    stand_at(e);
  }
  asm volatile("");
}

std::string functions(const task_info& t) {
  std::string text;
  for (const stack_entry& e : t.stack) text += e.function + "\n";
  return text;
}

}  // namespace

// --- Who waits for whom ---

TEST_CASE_FIXTURE(fixture, "T-graph-01: the call graph of a task is all that await it, and those that await them") {
  run([&] {
    const auto a = async(named("a"), [] { sleep(1s); });
    const auto b = async(named("b"), [&] { a.await(); });
    const auto c = async(named("c"), [&] { a.await(); });
    const auto d = async(named("d"), [&] { gather(b, c); });
    const auto elsewhere = async(named("elsewhere"), [] { sleep(1s); });
    yield();
    yield();
    const task_graph g = call_graph(a);
    REQUIRE(g.tasks.size() == 4);
    CHECK(g.tasks[0].name == "a");
    CHECK(awaiters(g) == "a < b c, b < d, c < d");
    CHECK(awaiters(call_graph(b)) == "b < d");
    CHECK(call_graph(elsewhere).tasks.size() == 1);
    CHECK(awaiters(call_graph(any_task(c))) == "c < d");
    const std::string text = format_call_graph(g);
    CHECK(count(text, "'a' (made at ") == 1);
    CHECK(count(text, "\n    * 'b' (made at ") == 1);
    CHECK(count(text, "\n        * 'd' (made at ") == 2);
    CHECK(count(text, "waits in gather for 'b', 'c'") == 2);
    CHECK(caught([] { static_cast<void>(call_graph(any_task())); }) == "invalid_argument");
    CHECK(caught([] { print_call_graph(any_task()); }) == "invalid_argument");
    d.await();
  });
}

TEST_CASE_FIXTURE(fixture, "T-graph-01: of a future, which has no task behind it") {
  run([&] {
    const future<int> f;
    const auto a = async(named("a"), [&] { f.await(); });
    const auto b = async(named("b"), [&] { nakh::timeout(1h, [&] { gather(f, shield(a)); }); });
    yield();
    yield();
    const task_graph g = call_graph(f);
    REQUIRE(g.tasks.size() == 3);
    CHECK_FALSE(g.tasks[0].is_task);
    CHECK(g.tasks[0].name == "future");
    CHECK(awaiters(g) == "future < a b, a < b");
    CHECK(says(format_call_graph(g), "* future 0x"));
    CHECK(find(g, "a").waits_in == "future");
    CHECK(find(g, "a").waits_at == g.tasks[0].id);
    const auto all = gather_future(a, b);
    CHECK(call_graph(all).tasks.size() == 1);
    CHECK(call_graph(all).tasks[0].name == "gather");
    f.set_result(1);
    CHECK(call_graph(f).tasks.size() == 1);
    CHECK(call_graph(f).tasks[0].state == task_state::done);
    all.await();
  });
}

TEST_CASE_FIXTURE(fixture, "T-graph-02: through gather, wait, as_completed, shield, wait_for, timeout and groups the edge is the task") {
  run([&] {
    const auto edge_of = [&](const std::string& word, auto&& wait_for_it) {
      event end;
      std::optional<task<>> worker;
      worker = async(named("worker"), [&] { end.wait(); });
      const auto waiter = async(named("waiter"), [&] { wait_for_it(*worker); });
      give_up_passes(3);
      const task_graph g = call_graph(*worker);
      CHECK_MESSAGE(awaiters(g) == "worker < waiter", word);
      CHECK_MESSAGE(find(g, "waiter").waits_in == word, word);
      CHECK(find(g, "waiter").state == task_state::waiting);
      end.set();
      waiter.await();
      CHECK(awaiters(call_graph(*worker)) == "");
    };
    edge_of("task", [](task<>& w) { w.await(); });
    edge_of("gather", [](task<>& w) { gather(w, w); });
    edge_of("gather", [](task<>& w) { gather(return_exceptions, std::vector{w}); });
    edge_of("gather", [](task<>& w) { gather(gather_future(shield(w)), gather_future(shield(w), w)); });
    edge_of("wait", [](task<>& w) { nakh::wait(std::vector{w}); });
    edge_of("as_completed", [](task<>& w) {
      for (const auto& done : as_completed(std::vector{w})) done.await();
    });
    edge_of("shield", [](task<>& w) { shield(w).await(); });
    edge_of("task", [](task<>& w) { nakh::wait_for(w, 1h); });
    edge_of("gather", [](task<>& w) { nakh::timeout(1h, [&] { gather(w); }); });
  });
}

TEST_CASE_FIXTURE(fixture, "T-graph-02: a group's task awaits its members; a wait_for whose time was over, what it has cancelled") {
  run([&] {
    event end;
    const auto parent = async(named("parent"), [&] {
      task_group::run([&](task_group& g) {
        static_cast<void>(g.async(named("one"), [&] { end.wait(); }));
        static_cast<void>(g.async(named("two"), [&] { end.wait(); }));
      });
    });
    const auto slow = async(named("slow"), [&] {
      while (!end.is_set()) static_cast<void>(caught([&] { end.wait(); }));
    });
    yield();
    const auto impatient = async(named("impatient"), [&] { nakh::wait_for(slow, 0s); });
    give_up_passes(3);
    const task_graph g = call_graph(get_running_loop());
    CHECK(awaiters(g) == "slow < impatient, one < parent, two < parent");
    CHECK(find(g, "parent").waits_in == "task group");
    CHECK(find(g, "impatient").waits_in == "wait_for");
    CHECK(names(g, find(g, "parent").waits_for) == "one two");
    end.set();
    parent.await();
    impatient.await();
  });
}

TEST_CASE_FIXTURE(fixture, "T-graph-03: without argument, the current task; outside a loop an error; in a callback nothing") {
  CHECK(caught([] { static_cast<void>(call_graph()); }) == "usage_error");
  CHECK(caught([] { print_call_graph(); }) == "usage_error");
  CHECK(caught([] { print_task_tree(); }) == "usage_error");
  CHECK(caught([] { dump_tasks(); }) == "usage_error");
  CHECK(caught([] { install_dump_handler(SIGUSR2); }) == "usage_error");
  CHECK(caught([] {
          task_graph g;
          read_stacks(g);
        }) == "usage_error");
  run([&] {
    current_task().set_name("main");
    const auto child = async(named("child"), [&] {
      const task_graph g = call_graph();
      CHECK(g.tasks.size() == 2);
      CHECK(awaiters(g) == "child < main");
      CHECK(g.tasks[0].state == task_state::running);
      CHECK(says(format_call_graph(g), "* 'child'"));
      CHECK(says(format_call_graph(g), " runs\n"));
      std::ostringstream to;
      print_call_graph(to);
      CHECK(says(to.str(), "\n    * 'main' "));
    });
    child.await();
    bool looked = false;
    get_running_loop().call_soon([&] {
      CHECK(call_graph().tasks.empty());
      CHECK(format_call_graph(call_graph()).empty());
      looked = true;
    });
    yield();
    yield();
    CHECK(looked);
  });
}

TEST_CASE_FIXTURE(fixture, "T-graph-04: the edges of what has ended are gone") {
  run([&] {
    event end;
    const auto a = async(named("a"), [&] { end.wait(); });
    const auto failing = async(named("failing"), [&] {
      end.wait();
      throw std::runtime_error("no");
    });
    const auto both = async(named("both"), [&] { gather(return_exceptions, a, failing, shield(a)); });
    give_up_passes(2);
    const task_graph before = call_graph(get_running_loop());
    CHECK(awaiters(before) == "a < both, failing < both");
    end.set();
    yield();  // both have ended; `both` has not heard of it
    CHECK(a.done());
    CHECK(awaiters(call_graph(get_running_loop())) == "");
    CHECK(call_graph(a).tasks.size() == 1);
    CHECK(call_graph(a).tasks[0].state == task_state::done);
    CHECK(says(format_call_graph(call_graph(a)), "'a' (made at "));
    CHECK(says(format_call_graph(call_graph(a)), " has ended\n"));
    both.await();
    CHECK(awaiters(before) == "a < both, failing < both");  // plain data
  });
}

TEST_CASE_FIXTURE(fixture, "what a task does: not begun, ready, running, waiting, done") {
  run([&] {
    current_task().set_name("main");
    const auto yielding = async(named("yielding"), [] { give_up_passes(3); });
    const auto sleeping = async(named("sleeping"), [] { sleep(2500ms); });
    yield();
    const auto fresh = async(named("fresh"), [] {});
    const task_graph g = call_graph(get_running_loop());
    CHECK(g.tasks.size() == 4);
    CHECK(find(g, "main").state == task_state::running);
    CHECK(find(g, "yielding").state == task_state::ready);
    CHECK(find(g, "fresh").state == task_state::not_begun);
    CHECK(find(g, "sleeping").state == task_state::waiting);
    CHECK(find(g, "sleeping").waits_in == "sleep");
    CHECK(find(g, "sleeping").until == g.taken_at + 2500ms);
    CHECK(g.thread > 0);
    const std::string text = format_tasks(g);
    CHECK(says(text, "'main'"));
    CHECK(says(text, " sleeps for another 2.500 s\n"));
    CHECK(says(text, " is ready\n"));
    CHECK(says(text, " has not begun\n"));
    CHECK(find(g, "fresh").where.line() > 0);
    CHECK(says(find(g, "fresh").where.file_name(), "inspect_test.cpp"));
    CHECK(std::string(to_string(task_state::not_begun)) == "not begun");
    CHECK(std::string(to_string(task_state::ready)) == "ready");
    CHECK(std::string(to_string(task_state::running)) == "running");
    CHECK(std::string(to_string(task_state::waiting)) == "waiting");
    CHECK(std::string(to_string(task_state::done)) == "done");
    sleeping.await();
    fresh.await();
    yielding.await();
  });
}

TEST_CASE_FIXTURE(fixture, "each primitive has a word for its waiters, and one address for all of one object's") {
  run([&] {
    mutex m;
    m.lock();
    condition_variable c;
    event e;
    semaphore s(0);
    barrier b(2);
    queue<int> q(1);
    q.put(1);
    queue<int> empty;
    struct entry {
      std::string word;
      std::function<void()> wait;
    };
    const std::vector<entry> all = {
        {"mutex", [&] { const std::unique_lock hold(m); }},
        {"mutex", [&] { const std::unique_lock hold(m); }},
        {"condition variable",
         [&] {
           c.lock();
           c.wait();
           c.unlock();
         }},
        {"event", [&] { e.wait(); }},
        {"semaphore", [&] { s.acquire(); }},
        {"condition variable", [&] { b.wait(); }},
        {"queue's room", [&] { q.put(2); }},
        {"queue's item", [&] { static_cast<void>(empty.get()); }},
        {"queue's end", [&] { q.join(); }},
    };
    std::vector<task<>> tasks;
    for (const entry& one : all) tasks.push_back(async(named(one.word), one.wait));
    yield();
    const task_graph g = call_graph(get_running_loop());
    for (std::size_t i = 0; i < all.size(); ++i) {
      const task_info& t = g.tasks[i + 1];
      CHECK(t.waits_in == all[i].word);
      CHECK(t.waits_at != 0);
      CHECK(says(format_tasks(g), " waits in " + all[i].word + " 0x"));
    }
    CHECK(g.tasks[1].waits_at == g.tasks[2].waits_at);
    for (const auto& t : tasks) t.cancel();
    gather(return_exceptions, tasks);
    m.unlock();
  });
}

TEST_CASE_FIXTURE(fixture, "a wait of a program's own kind is shown by its word, or as unnamed") {
  run([&] {
    lowlevel::waker wakes[2];
    const auto own = async(named("own"), [&] {
      static constexpr lowlevel::wait_kind moon = {.what = "the moon"};
      lowlevel::wait_op op{&moon};
      wakes[0] = lowlevel::waker::for_next_park();
      lowlevel::park(op);
    });
    const auto unnamed = async(named("unnamed"), [&] {
      lowlevel::wait_op op;
      wakes[1] = lowlevel::waker::for_next_park();
      lowlevel::park(op);
    });
    yield();
    const std::string text = format_tasks(call_graph(get_running_loop()));
    CHECK(says(text, " waits in the moon\n"));
    CHECK(says(text, " waits in something unnamed\n"));
    for (lowlevel::waker& w : wakes) w.wake();
    gather(own, unnamed);
  });
}

TEST_CASE_FIXTURE(fixture, "a loop that does not run can be looked at, and one that is empty") {
  event_loop loop(loop_options{.clock = &clock});
  CHECK(call_graph(loop).tasks.empty());
  CHECK(call_graph(loop).thread == 0);
  CHECK(format_task_tree(call_graph(loop)).empty());
  CHECK(count(format_task_table(call_graph(loop)), "\n") == 1);
  const auto t = loop.create_task([] { sleep(1s); });
  t.set_name("t");
  CHECK(call_graph(loop).tasks.at(0).state == task_state::not_begun);
  loop.stop();
  loop.run_forever();
  task_graph g = call_graph(loop);
  CHECK(g.tasks.at(0).state == task_state::waiting);
  read_stacks(g, loop);
  CHECK(g.tasks.at(0).stack.empty() != why_no_stacks().empty());
  CHECK(call_graph(t).tasks.size() == 1);
  const scratch to;
  dump_tasks(to.fd(), loop);
  CHECK(says(to.text(), "nakh: 1 task of the loop in thread "));
  CHECK(says(to.text(), "'t' (made at "));
  loop.run_until_complete(t);
  CHECK(call_graph(loop).tasks.empty());
}

// --- As text ---

TEST_CASE_FIXTURE(fixture, "T-graph-05: a tree for each task that nobody awaits, with branches; who is awaited twice is there twice") {
  run([&] {
    current_task().set_name("main");
    event end;
    const auto leaf = async(named("leaf"), [&] { end.wait(); });
    const auto below = async(named("below"), [&] { leaf.await(); });
    const auto left = async(named("left"), [&] { gather(below); });
    const auto right = async(named("right"), [&] { gather(below, leaf); });
    const auto root = async(named("root"), [&] { gather(left, right); });
    give_up_passes(3);
    const std::string text = format_task_tree(call_graph(get_running_loop()));
    // Without what differs from run to run: where it was made, and addresses.
    std::istringstream lines(text);
    std::string line;
    std::string shape;
    while (std::getline(lines, line)) {
      const std::size_t from = line.find(" (made at ");
      const std::size_t to = line.find(')', from);
      if (from != std::string::npos) line.erase(from, to + 1 - from);
      const std::size_t address = line.find(" 0x");
      if (address != std::string::npos) line.erase(address);
      shape += line + "\n";
    }
    CHECK(shape ==
          "└── (T) 'main' runs\n"
          "└── (T) 'root' waits in gather for 'left', 'right'\n"
          "    ├── (T) 'left' waits in gather for 'below'\n"
          "    │   └── (T) 'below' waits for 'leaf'\n"
          "    │       └── (T) 'leaf' waits in event\n"
          "    └── (T) 'right' waits in gather for 'below', 'leaf'\n"
          "        ├── (T) 'below' waits for 'leaf', see above\n"
          "        └── (T) 'leaf' waits in event\n");
    std::ostringstream to;
    print_task_tree(to);
    CHECK(count(to.str(), "(T) 'leaf'") == 2);
    const scratch file;
    print_task_tree(file.file());
    CHECK(count(file.text(), "(T) 'leaf'") == 2);
    end.set();
    root.await();
  });
}

TEST_CASE_FIXTURE(fixture, "T-graph-06: no tree of tasks that await each other: each circle by its names") {
  run([&] {
    std::optional<task<>> a;
    std::optional<task<>> b;
    std::optional<task<>> x;
    std::optional<task<>> y;
    std::optional<task<>> z;
    a = async(named("a"), [&] { b->await(); });
    b = async(named("b"), [&] { gather(shield(*a)); });
    x = async(named("x"), [&] { gather(*y, *a); });
    y = async(named("y"), [&] { z->await(); });
    z = async(named("z"), [&] { x->await(); });
    give_up_passes(2);
    const task_graph g = call_graph(get_running_loop());
    CHECK(g.cycles().size() == 2);
    CHECK(format_task_tree(g) ==
          "There is no tree, since tasks wait for each other:\n"
          "  'a' -> 'b' -> 'a'\n"
          "  'x' -> 'y' -> 'z' -> 'x'\n");
    CHECK(says(format_tasks(g), "they wait for each other: 'a' -> 'b' -> 'a'\n"));
    // The call graph is no tree, and ends all the same.
    CHECK(count(format_call_graph(call_graph(*a)), "* 'a'") == 2);
    CHECK(says(format_call_graph(call_graph(*a)), ", see above\n"));
    for (const auto* t : {&*a, &*x}) t->cancel();
    for (const auto* t : {&*a, &*b, &*x, &*y, &*z}) static_cast<void>(caught([&] { t->await(); }));
  });
}

TEST_CASE_FIXTURE(fixture, "T-graph-07: a table with a row for each task and awaiter") {
  run([&] {
    current_task().set_name("main");
    event end;
    const auto leaf = async(named("leaf"), [&] { end.wait(); });
    const auto one = async(named("one"), [&] { leaf.await(); });
    const auto two = async(named("two"), [&] { leaf.await(); });
    give_up_passes(2);
    const task_graph g = call_graph(get_running_loop());
    std::istringstream lines(format_task_table(g));
    std::vector<std::string> rows;
    for (std::string line; std::getline(lines, line);) rows.push_back(line);
    REQUIRE(rows.size() == 6);
    CHECK(rows[0].starts_with("thread "));
    CHECK(says(rows[0], "task id"));
    CHECK(says(rows[1], " main "));
    CHECK(rows[1].ends_with(" 0x0"));
    char id[32];
    std::snprintf(id, sizeof id, "0x%llx", static_cast<unsigned long long>(find(g, "one").id));
    CHECK(says(rows[2], " leaf "));
    CHECK(says(rows[2], " waits in event "));
    CHECK(says(rows[2], " one "));
    CHECK(rows[2].ends_with(id));
    CHECK(says(rows[3], " leaf "));
    CHECK(says(rows[3], " two "));
    CHECK(says(rows[4], id));
    CHECK(says(rows[4], " waits for 'leaf' "));
    CHECK(rows[5].ends_with(" 0x0"));
    CHECK(rows[0].find("task id") == rows[2].find("0x"));
    end.set();
    gather(one, two);
  });
}

TEST_CASE_FIXTURE(fixture, "a long chain of tasks is looked at without recursion, and indented to some depth only") {
  run([&] {
    const std::size_t length = in_valgrind() ? 1'000 : 10'000;
    event end;
    std::vector<task<>> chain;
    chain.push_back(async([&] { end.wait(); }));
    while (chain.size() < length) chain.push_back(async([previous = chain.back()] { previous.await(); }));
    yield();
    const task_graph g = call_graph(chain.front());
    CHECK(g.tasks.size() == length);
    CHECK(g.cycles().empty());
    const std::string up = format_call_graph(g);
    CHECK(count(up, "Awaited by") == length - 1);
    CHECK(up.size() < 10'000'000);
    const std::string down = format_task_tree(call_graph(get_running_loop()));
    CHECK(count(down, "(T) ") == length + 1);
    CHECK(says(down, "[" + std::to_string(length - 1) + "] (T) "));
    CHECK(down.size() < 10'000'000);
    end.set();
    chain.back().await();
    chain.clear();
  });
}

TEST_CASE_FIXTURE(fixture, "no memory at any place leaves an error and nothing else") {
  if (!allocations_are_ours()) return;
  run([&] {
    event end;
    const auto a = async(named("a name that is too long for the inside of a string"), [&] { end.wait(); });
    const auto b = async(named("b"), [&] { gather(a, shield(a)); });
    give_up_passes(2);
    const auto look = [&] {
      static_cast<void>(format_call_graph(call_graph(a)));
      static_cast<void>(format_task_tree(call_graph(get_running_loop())));
      static_cast<void>(format_task_table(call_graph(get_running_loop())));
      static_cast<void>(format_tasks(call_graph(get_running_loop())));
    };
    const long needed = allocations_in(look);
    REQUIRE(needed > 10);
    for (long failing = 0; failing < needed; ++failing) {
      allocator.left = failing;
      CHECK(caught(look) == "bad_alloc");
      allocator.left = -1;
    }
    CHECK(awaiters(call_graph(a)).ends_with(" < b"));
    end.set();
    b.await();
  });
}

// --- Stacks ---

TEST_CASE_FIXTURE(fixture, "stacks: of a waiting task, by name and line, from the outermost call of its own to the innermost") {
  if (!can_walk()) return;
  run([&] {
    event end;
    const auto a = async(named("a"), [&] {
      go_down(end, 3);
      asm volatile("");  // so that the call is no jump
    });
    const auto with_arguments = async(named("b"), [](event& e, int steps) { go_down(e, steps); }, std::ref(end), 1);
    const auto fresh_later = async(named("reader"), [&] { nakh::timeout(1h, [&] { stand_at(end); }); });
    yield();
    const auto fresh = async(named("fresh"), [] {});
    task_graph g = call_graph(get_running_loop());
    CHECK(find(g, "a").stack.empty());
    read_stacks(g);

    const task_info& t = find(g, "a");
    CAPTURE(functions(t));
    REQUIRE(t.stack.size() == 6);
    CHECK(t.stack[0].function == "(anonymous namespace)::stand_at(nakh::event&)");
    for (std::size_t i = 1; i <= 4; ++i) CHECK(t.stack[i].function == "(anonymous namespace)::go_down(nakh::event&, int)");
    CHECK(says(t.stack[5].function, "{lambda"));
    for (const stack_entry& e : t.stack) {
      CHECK(e.address != 0);
      CHECK(says(e.file, "inspect_test.cpp"));
      CHECK(e.line > 0);
    }
    CHECK(t.stack[0].line < t.stack[1].line);
    CHECK(t.stack[4].line < t.stack[5].line);

    CHECK(functions(find(g, "b")).starts_with("(anonymous namespace)::stand_at(nakh::event&)\n(anonymous namespace)::go_down("));
    CHECK_FALSE(says(functions(find(g, "b")), "nakh::detail"));
    CHECK_FALSE(says(functions(find(g, "b")), "std::"));
    CHECK(says(functions(find(g, "reader")), "nakh::timeout<"));
    CHECK(find(g, "fresh").stack.empty());
    end.set();
    gather(a, with_arguments, fresh_later, fresh);
  });
}

TEST_CASE_FIXTURE(fixture, "stacks: of the current task, from here on; of one that only yields; and in a callback of the loop") {
  if (!can_walk()) return;
  run([&] {
    current_task().set_name("main");
    bool stop = false;
    const auto yielding = async(named("yielding"), [&] {
      while (!stop) yield();
    });
    yield();
    task_graph g = call_graph(get_running_loop());
    read_stacks(g);
    const task_info& own = find(g, "main");
    REQUIRE(!own.stack.empty());
    CHECK(says(own.stack[0].file, "inspect_test.cpp"));
    CHECK_FALSE(says(functions(own), "nakh::read_stacks"));
    CHECK(says(find(g, "yielding").stack.at(0).file, "inspect_test.cpp"));
    std::string in_callback;
    get_running_loop().call_soon([&] {
      task_graph later = call_graph(get_running_loop());
      read_stacks(later);
      in_callback = format_tasks(later);
    });
    sleep(1s);
    CHECK(says(in_callback, "'main'"));
    CHECK(says(in_callback, "{lambda"));
    stop = true;
    yielding.await();
  });
}

TEST_CASE_FIXTURE(fixture, "stacks: in the text forms") {
  if (!can_walk()) return;
  run([&] {
    current_task().set_name("main");
    event end;
    const auto a = async(named("a"), [&] { go_down(end, 0); });
    const auto b = async(named("b"), [&] { a.await(); });
    yield();
    yield();
    std::ostringstream graph_text;
    print_call_graph(a, graph_text);
    CHECK(says(graph_text.str(), "  + Stack:\n  |   (anonymous namespace)::stand_at(nakh::event&) at "));
    const scratch file;
    print_call_graph(a, file.file());
    print_call_graph(any_task(a), file.file());
    CHECK(count(file.text(), "  + Awaited by:\n    * 'b'") == 2);
    std::ostringstream by_handle;
    print_call_graph(any_task(a), by_handle);
    CHECK(by_handle.str() == graph_text.str());
    std::ostringstream tree;
    print_task_tree(tree);
    const std::size_t outer = tree.str().find("            (anonymous namespace)::go_down(");
    CHECK(outer != std::string::npos);
    CHECK(tree.str().find("            (anonymous namespace)::stand_at(") > outer);
    task_graph g = call_graph(get_running_loop());
    read_stacks(g);
    CHECK(says(format_task_table(g), "(anonymous namespace)::stand_at(nakh::event&) -> (anonymous namespace)::go_down"));
    end.set();
    b.await();
  });
}

TEST_CASE_FIXTURE(fixture, "stacks: a task with little stack can read them") {
  if (!can_walk()) return;
  run([&] {
    event end;
    const auto a = async(named("a"), [&] {
      go_down(end, 3);
      asm volatile("");  // so that the call is no jump
    });
    const auto reader = async({.name = "reader", .stack_size = 16 * 1024}, [&] {
      task_graph g = call_graph(get_running_loop());
      read_stacks(g);
      CHECK(find(g, "a").stack.size() == 6);
      CHECK(find(g, "reader").stack.size() > 0);
    });
    reader.await();
    end.set();
    a.await();
  });
}

TEST_CASE_FIXTURE(fixture, "stacks: a task that waits while it handles an exception, or in a destructor, has one too") {
  if (!can_walk()) return;
  run([&] {
    event end;
    struct waits_in_the_end {
      event& e;
      ~waits_in_the_end() { stand_at(e); }
    };
    const auto handling = async(named("handling"), [&] {
      try {
        throw 1;
      } catch (int) {
        stand_at(end);
      }
    });
    const auto unwinding = async(named("unwinding"), [&] {
      try {
        const waits_in_the_end at_end{end};
        throw 1;
      } catch (int) {
        yield();
      }
    });
    yield();
    task_graph g = call_graph(get_running_loop());
    read_stacks(g);
    for (const char* const name : {"handling", "unwinding"}) {
      CHECK(functions(find(g, name)).starts_with("(anonymous namespace)::stand_at(nakh::event&)\n"));
      CHECK(says(functions(find(g, name)), "{lambda"));
    }
    end.set();
    gather(handling, unwinding);
  });
}

// --- At a signal ---

TEST_CASE_FIXTURE(fixture, "dump_tasks writes all tasks to a descriptor; one that cannot be written to does no harm") {
  run([&] {
    current_task().set_name("main");
    const scratch to;
    dump_tasks(to.fd());
    CHECK(to.text().starts_with("nakh: 1 task of the loop in thread "));
    CHECK(says(to.text(), "'main' (made at "));
    dump_tasks(-1);
    captured_stderr err;
    dump_tasks();
    CHECK(says(err.text(), "'main' (made at "));
  });
}

TEST_CASE_FIXTURE(fixture, "install_dump_handler: the signal shows who runs at once, and all tasks in the loop's next turn") {
  run_in_real_time([&] {
    current_task().set_name("busy");
    const scratch to;
    install_dump_handler(SIGUSR2, to.fd());
    const auto a = async(named("a"), [] { sleep(1h); });
    yield();
    REQUIRE(::raise(SIGUSR2) == 0);
    CHECK(to.text() == "nakh: now runs task 'busy'; the others follow as soon as it waits\n");
    sleep(1ms);
    CHECK(says(to.text(), "nakh: 2 tasks of the loop in thread "));
    CHECK(says(to.text(), "'a' (made at "));

    // In a callback nobody runs; and to install it again changes where it goes.
    const scratch other;
    install_dump_handler(SIGUSR2, other.fd());
    get_running_loop().call_soon([] { static_cast<void>(::raise(SIGUSR2)); });
    sleep(1ms);
    CHECK(other.text().starts_with("nakh: 2 tasks of the loop in thread "));

    CHECK(remove_dump_handler(SIGUSR2));
    CHECK_FALSE(remove_dump_handler(SIGUSR2));
    struct sigaction present{};
    REQUIRE(::sigaction(SIGUSR2, nullptr, &present) == 0);
    CHECK((present.sa_handler == SIG_DFL));
    install_dump_handler(SIGUSR2, other.fd());
    REQUIRE(::raise(SIGUSR2) == 0);
    CHECK(says(other.text(), "nakh: now runs task 'busy'"));
    sleep(1ms);
    a.cancel();
  });
  // It went with its loop.
  struct sigaction present{};
  REQUIRE(::sigaction(SIGUSR2, nullptr, &present) == 0);
  CHECK((present.sa_handler == SIG_DFL));
}

TEST_CASE_FIXTURE(fixture, "install_dump_handler: signals that do not exist or cannot be caught; no hope for a deadlock") {
  run([&] {
    CHECK(caught([] { install_dump_handler(0); }) == "invalid_argument");
    CHECK(caught([] { install_dump_handler(NSIG); }) == "invalid_argument");
    CHECK(caught([] { remove_dump_handler(-1); }) == "invalid_argument");
    CHECK(caught([] { install_dump_handler(SIGKILL); }) == "usage_error");
  });
  run_options options;
  options.clock = &clock;
  options.loop.deadlocks = deadlock_detection::always;
  CHECK(says(caught([&] {
               nakh::run(options, [] {
                 install_dump_handler(SIGUSR2);
                 event().wait();
               });
             }),
             "nakh: deadlock: "));
}
